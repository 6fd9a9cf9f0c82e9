//! Tags whose names are known only as the program runs: one for each model,
//! tenant, request, up to a bound.

mod members;

use core::sync::atomic::Ordering;

use scrubjay_log_format::tag::NAME_SIZE_MAX;

use crate::control::control;
use crate::limits::TAGS_MAX;
use crate::line::Line;
use crate::note::note;
use crate::os;
use crate::own;
use crate::published::Published;
use crate::tag::Tag;

use members::{Member, Members};

/// Tags that are made by name as the program runs, at most so many. Names
/// beyond the bound share the tag `<family>/other`, which says how many they are.
///
/// A member is for ever: its tag stands in every live block's trailer and in every
/// thread's counters, so its place could be another's only once nothing of it
/// lived and no log named it, which no allocator can promise a log of last week.
/// Where names come without an end, such as a request's number, a family is for
/// those that matter, and a bill for each.
///
/// ```
/// use scrubjay::{Tag, TagFamily};
///
/// static TENANTS: TagFamily = TagFamily::new("tenant", 100).like(Tag::new("tenant").secret());
///
/// fn serve(tenant: &str) -> Vec<u8> {
///     let _scope = TENANTS.member(tenant).enter();
///     vec![0; 1_000]
/// }
/// # let answers = (serve("ann"), serve("bob"));
/// # assert_eq!(TENANTS.member("ann").name(), "tenant/ann");
/// # drop(answers);
/// ```
#[derive(Debug)]
pub struct TagFamily {
    name: &'static str,
    limit: u32,
    /// Whose policy the members have.
    like: Tag,
    naming: Naming,
    members: Published<Members>,
}

/// How a member's tag is called.
#[derive(Clone, Copy, Debug)]
enum Naming {
    /// As the member is, without the family's name.
    #[cfg_attr(not(feature = "tracing"), allow(dead_code, reason = "spans are called so"))]
    Bare,
    /// By the family's name and the member's.
    Plain,
    /// By the family's name and a keyed hash of the member's. `None` for the key
    /// of the environment, or a random one.
    Hashed(Option<[u8; 16]>),
}

/// A family's name leaves room for `/#` and a hash.
const FAMILY_NAME_SIZE_MAX: usize = NAME_SIZE_MAX - 2 - 16;
/// What the tag is called that names beyond the bound share.
const OTHER: &str = "other";

impl TagFamily {
    /// A family of at most `limit` tags, and one for all others, called
    /// `<name>/<member>`. Takes 64 KiB, and some 16 bytes a tag of the bound, once it
    /// is used.
    ///
    /// # Panics
    /// If the name is empty or longer than 110 bytes, or the bound is 0 or above
    /// 4,000; in a `static`, when it is compiled.
    pub const fn new(name: &'static str, limit: u32) -> Self {
        assert!(!name.is_empty(), "a family needs a name");
        assert!(name.len() <= FAMILY_NAME_SIZE_MAX, "a family's name has at most 110 bytes");
        assert!(limit > 0 && limit <= 4_000, "a family has 1 to 4,000 members");
        let (like, naming) = (Tag::new(name), Naming::Plain);
        Self { name, limit, like, naming, members: Published::empty() }
    }

    /// Of tags that are called as their members are.
    #[cfg(feature = "tracing")]
    pub(crate) const fn bare(name: &'static str, limit: u32) -> Self {
        let mut family = Self::new(name, limit);
        family.naming = Naming::Bare;
        family
    }

    /// Has all members, and the other, be as that tag is, whose name does not
    /// matter: secret, wiped, in a vault, of a greatest age.
    pub const fn like(mut self, like: Tag) -> Self {
        self.like = like;
        self
    }

    /// Has a member's name stand nowhere: its tag is called `<family>/#` and a
    /// hash (SipHash-2-4) of the name under a key, 16 digits. The key is that of
    /// the environment, `SCRUBJAY_TAG_KEY` of 32 hexadecimal digits, so that logs
    /// can be held against each other by who has it; else it is made at random,
    /// and gone with the process.
    pub const fn hashed(mut self) -> Self {
        self.naming = Naming::Hashed(None);
        self
    }

    /// The same with a key of the program's own.
    pub const fn hashed_with(mut self, key: [u8; 16]) -> Self {
        self.naming = Naming::Hashed(Some(key));
        self
    }

    /// The family's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The tag of that name: always the same for the same name. A new one is made
    /// while there are fewer than the bound, which allocates; else it is
    /// [`TagFamily::other`]. A name that is known costs a hash and a look, some
    /// 20 ns, and takes no lock.
    pub fn member(&'static self, name: &str) -> &'static Tag {
        let members = self.members();
        let hash = members.hash(name);
        match members.find(hash, name) {
            Some(member) => &member.tag,
            None => self.add(members, hash, name),
        }
    }

    /// The tag that the names beyond the bound share: `<family>/other`.
    pub fn other(&'static self) -> &'static Tag {
        &self.members().other
    }

    /// How many members there are, the other not among them.
    pub fn member_count(&'static self) -> u32 {
        self.members.get().map_or(0, |members| members.count.load(Ordering::Acquire))
    }

    /// How many names share the tag [`TagFamily::other`]: exact up to 4,096, at
    /// which it stays. A log says it by a note, with each doubling.
    pub fn other_count(&'static self) -> u32 {
        self.members.get().map_or(0, Members::other_count)
    }

    fn members(&'static self) -> &'static Members {
        self.members.get().unwrap_or_else(|| self.begin())
    }

    #[cold]
    fn begin(&'static self) -> &'static Members {
        let is_hashed = matches!(self.naming, Naming::Hashed(_));
        let key = match self.naming {
            Naming::Hashed(Some(key)) => parts(key),
            Naming::Hashed(None) => environments_key().unwrap_or_else(random_key),
            Naming::Bare | Naming::Plain => random_key(),
        };
        let _guard = control().families.wait();
        if let Some(members) = self.members.get() {
            return members;
        }
        let members = own::account(|| {
            let other = format!("{}/{OTHER}", self.name);
            let other = self.like.named(Box::leak(other.into_boxed_str()));
            &*Box::leak(Box::new(Members::new(self.limit, key, is_hashed, other)))
        });
        self.members.set(members);
        members
    }

    #[cold]
    fn add(&'static self, members: &'static Members, hash: u64, name: &str) -> &'static Tag {
        if name == OTHER && matches!(self.naming, Naming::Plain) {
            // It has that name.
            return &members.other;
        }
        if !members.is_full() {
            let _guard = control().families.wait();
            // Another thread may have been faster.
            if let Some(member) = members.find(hash, name) {
                return &member.tag;
            }
            if !members.is_full() {
                return &members.add(own::account(|| self.make(hash, name))).tag;
            }
        }
        let count = members.note_other(hash);
        if count.is_some_and(u32::is_power_of_two) {
            self.tell(count.unwrap_or(0));
        }
        &members.other
    }

    fn make(&'static self, hash: u64, name: &str) -> &'static Member {
        let name = if name.is_empty() { "(none)" } else { name };
        let called = match self.naming {
            // Which is the name of what has no tag.
            Naming::Bare if name == "untagged" => format!("({name})"),
            Naming::Bare => name.to_owned(),
            Naming::Plain => format!("{}/{name}", self.name),
            Naming::Hashed(_) => format!("{}/#{hash:016x}", self.name),
        };
        // Cut, two names could become one.
        let called = match called.len() {
            0..=NAME_SIZE_MAX => called,
            _ => format!("{}/#{hash:016x}", self.name),
        };
        let tag = self.like.named(Box::leak(called.into_boxed_str()));
        let name = if matches!(self.naming, Naming::Hashed(_)) { "" } else { name };
        Box::leak(Box::new(Member { hash, name: name.into(), tag }))
    }

    /// Has the log say how many names there are beyond the bound.
    fn tell(&self, count: u32) {
        let Self { name, limit, .. } = self;
        own::account(|| {
            let least = if count > 1 { " or more names" } else { " name" };
            let value =
                format!("{count}{least} beyond the bound of {limit} count as {name}/{OTHER}");
            note(&format!("tags {name}"), &value);
        });
    }
}

fn random_key() -> [u64; 2] {
    [os::random(), os::random()]
}

fn parts(key: [u8; 16]) -> [u64; 2] {
    let (words, _) = key.as_chunks();
    [u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])]
}

fn environments_key() -> Option<[u64; 2]> {
    let word = os::environment(c"SCRUBJAY_TAG_KEY").filter(|word| !word.is_empty())?;
    if os::is_privileged() {
        return None;
    }
    let key = hexadecimal(word);
    if key.is_none() {
        // The key itself is nobody's business.
        Line::new().text("SCRUBJAY_TAG_KEY is ignored: expected 32 hexadecimal digits").say();
    }
    key.map(parts)
}

fn hexadecimal(word: &[u8]) -> Option<[u8; 16]> {
    let (pairs, []) = word.as_chunks::<2>() else { return None };
    let mut key = [0; 16];
    if pairs.len() != key.len() {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = (high? << 4 | low?) as u8;
    }
    Some(key)
}

const _: () = assert!(TAGS_MAX > 4_000);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_name_is_always_the_same_tag() {
        static FAMILY: TagFamily = TagFamily::new("family/same", 10);
        let tag = FAMILY.member("a");
        assert!(std::ptr::eq(tag, FAMILY.member("a")));
        assert!(!std::ptr::eq(tag, FAMILY.member("b")));
        assert_eq!((tag.name(), FAMILY.member("").name()), ("family/same/a", "family/same/(none)"));
        assert_eq!((FAMILY.member_count(), FAMILY.other_count()), (3, 0));
    }

    /// However many threads ask, and in whichever order.
    #[test]
    fn there_are_as_many_as_the_bound_and_the_rest_is_counted() {
        static FAMILY: TagFamily = TagFamily::new("family/bound", 10);
        let ask = |thread: usize| {
            let names = (0..60).map(|number| ((number * 7 + thread * 13) % 60).to_string());
            names.map(|name| FAMILY.member(&name).name()).collect::<BTreeSet<_>>()
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|thread| scope.spawn(move || ask(thread))).collect();
            for thread in threads {
                assert!(thread.join().unwrap().contains("family/bound/other"));
            }
        });
        assert_eq!((FAMILY.member_count(), FAMILY.other_count()), (10, 50));
        assert!(std::ptr::eq(FAMILY.member("other"), FAMILY.other()));
        assert_eq!(FAMILY.other_count(), 50);
    }

    #[test]
    fn members_have_the_familys_policy() {
        static FAMILY: TagFamily = TagFamily::new("family/like", 2).like(Tag::new("x").secret());
        let secret = Tag::new("y").secret();
        for tag in [FAMILY.member("a"), FAMILY.other()] {
            assert_eq!(format!("{:?}", tag.named("y")), format!("{secret:?}"));
        }
    }

    #[test]
    fn hashes_depend_on_the_key_and_on_nothing_else() {
        static ONE: TagFamily = TagFamily::new("family/hash", 2).hashed_with([1; 16]);
        static SAME: TagFamily = TagFamily::new("family/hash", 2).hashed_with([1; 16]);
        static OTHER: TagFamily = TagFamily::new("family/hash", 2).hashed();
        let [one, same, other] = [&ONE, &SAME, &OTHER].map(|family| family.member("ann").name());
        assert_eq!(one, same);
        assert_ne!(one, other);
        assert!(one.starts_with("family/hash/#") && one.len() == 13 + 16, "{one}");
        assert!(!format!("{:?}", ONE.members.get().unwrap().places).contains("ann"));
    }

    /// Two long names that begin alike stay two.
    #[test]
    fn long_names_are_told_apart() {
        static FAMILY: TagFamily = TagFamily::new("family/long", 2);
        let names = ["1", "2"].map(|end| FAMILY.member(&("n".repeat(200) + end)).name());
        assert_ne!(names[0], names[1]);
    }

    #[test]
    fn keys_are_32_digits() {
        assert_eq!(hexadecimal(b"000102030405060708090a0b0c0d0E0f").map(|key| key[14]), Some(14));
        for word in [&b""[..], b"00", b"000102030405060708090a0b0c0d0e0", &[b'g'; 32]] {
            assert_eq!(hexadecimal(word), None);
        }
    }
}
