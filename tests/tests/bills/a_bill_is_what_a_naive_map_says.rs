//! Threads with many leases in turn, who free each other's blocks and grow them: each
//! bill is what a plain map says, by tag and in all. Where the threads take turns, so
//! are the peaks.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::{Mutex, MutexGuard, RwLock};
use std::thread;

use scrubjay::{Bill, Context, Lease, Pending, Tag};
use scrubjay_tests::harness;
use scrubjay_tests::random::Random;

const THREADS: u64 = 4;
static TAGS: [Tag; 3] = [Tag::new("bill/one"), Tag::new("bill/two"), Tag::new("bill/three")];

/// What came, went, is live, and was at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    allocated: [u64; 2],
    freed: [u64; 2],
    peak: u64,
}

impl Sums {
    fn live(&self) -> [u64; 2] {
        [0, 1].map(|index| self.allocated[index] - self.freed[index])
    }

    fn change(&mut self, new: Option<u64>, old: Option<u64>) {
        for (sums, size) in [(&mut self.allocated, new), (&mut self.freed, old)] {
            if let Some(size) = size {
                *sums = [sums[0] + size, sums[1] + 1];
            }
        }
        self.peak = self.peak.max(self.live()[0]);
    }
}

/// The plain map: of each lease in all and by tag, and whose a block is.
#[derive(Default)]
struct Books {
    leases: HashMap<u64, (Sums, BTreeMap<&'static str, Sums>)>,
    blocks: HashMap<usize, (u64, &'static str)>,
}

impl Books {
    fn change(&mut self, (lease, tag): (u64, &'static str), new: Option<u64>, old: Option<u64>) {
        let (all, tags) = self.leases.entry(lease).or_default();
        all.change(new, old);
        tags.entry(tag).or_default().change(new, old);
    }
}

/// What the threads share.
struct Shared {
    books: Mutex<Books>,
    /// Blocks that any thread may free, and grow.
    pool: Mutex<Vec<Vec<u8>>>,
    /// Held while a block comes or goes; held alone while a bill is looked at.
    events: RwLock<()>,
    /// Whether no two events are at one time.
    in_turn: bool,
}

fn nobodys<T>(then: impl FnOnce() -> T) -> T {
    let _nobody = Context::nobodys().adopt();
    then()
}

impl Shared {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    fn event(&self, then: impl FnOnce()) {
        if self.in_turn {
            let _alone = self.events.write().unwrap();
            then();
        } else {
            let _among_others = self.events.read().unwrap();
            then();
        }
    }

    fn allocate(&self, random: &mut Random, lease: u64) {
        let size = 1 + random.below(3_000);
        let tag = &TAGS[random.below(TAGS.len())];
        let block = {
            let _scope = tag.enter();
            black_box(Vec::<u8>::with_capacity(size))
        };
        nobodys(|| {
            let mut books = self.books();
            books.change((lease, tag.name()), Some(size as u64), None);
            books.blocks.insert(block.as_ptr() as usize, (lease, tag.name()));
            drop(books);
            self.pool.lock().unwrap().push(block);
        });
    }

    /// Takes any block, of whichever lease, and frees it or has it be of another size.
    fn change(&self, random: &mut Random) {
        let taken = nobodys(|| {
            // No lock within the other.
            let block = {
                let mut pool = self.pool.lock().unwrap();
                let count = pool.len();
                (count > 0).then(|| pool.swap_remove(random.below(count)))?
            };
            let whose = self.books().blocks.remove(&(block.as_ptr() as usize)).unwrap();
            Some((block, whose))
        });
        let Some((mut block, whose)) = taken else { return };
        let old = block.capacity() as u64;
        match random.below(4) {
            0 => block.reserve_exact(old as usize + random.below(20_000)),
            1 => block.shrink_to(old as usize / 2),
            _ => {
                // Told first: its address is another's at once.
                nobodys(|| self.books().change(whose, None, Some(old)));
                drop(block);
                return;
            }
        }
        let new = block.capacity() as u64;
        nobodys(|| {
            let mut books = self.books();
            if new != old {
                books.change(whose, Some(new), Some(old));
            }
            books.blocks.insert(block.as_ptr() as usize, whose);
            drop(books);
            self.pool.lock().unwrap().push(block);
        });
    }

    fn assert_is(&self, bill: &Bill, lease: u64) {
        let books = self.books();
        let Some((all, tags)) = books.leases.get(&lease) else {
            assert_eq!(bill.allocated_blocks, 0);
            return;
        };
        assert_eq!([bill.allocated_bytes, bill.allocated_blocks], all.allocated);
        assert_eq!([bill.freed_bytes, bill.freed_blocks], all.freed);
        assert_eq!([bill.live_bytes, bill.live_blocks], all.live());
        assert_eq!(bill.tags.len(), tags.len());
        let sum = |figure: fn(&scrubjay::TagBill) -> u64| bill.tags.iter().map(figure).sum::<u64>();
        assert_eq!(sum(|tag| tag.allocated_bytes), bill.allocated_bytes);
        assert_eq!(sum(|tag| tag.live_blocks), bill.live_blocks);
        assert_eq!(sum(|tag| tag.wiped_bytes), bill.wiped_bytes);
        for (name, sums) in tags {
            let tag = bill.tag(name).unwrap();
            assert_eq!([tag.allocated_bytes, tag.allocated_blocks], sums.allocated, "{name}");
            assert_eq!([tag.live_bytes, tag.live_blocks], sums.live(), "{name}");
            if self.in_turn {
                assert_eq!(tag.peak_bytes, sums.peak, "{name}");
            }
        }
        if self.in_turn {
            assert_eq!(bill.peak_bytes, all.peak);
        }
        assert!(bill.peak_bytes >= bill.live_bytes && bill.peak_bytes <= bill.allocated_bytes);
    }

    fn work(&self, thread: u64, rounds: u64) {
        let mut random = Random::new(thread);
        let mut open: Vec<(Pending, u64)> = nobodys(|| Vec::with_capacity(16));
        for round in 0..rounds {
            let number = thread * rounds + round;
            let lease = Lease::begin("round");
            for _ in 0..random.below(30) {
                self.event(|| self.allocate(&mut random, number));
                if random.one_in(2) {
                    self.event(|| self.change(&mut random));
                }
            }
            {
                let _alone = self.events.write().unwrap();
                nobodys(|| self.assert_is(&lease.bill(), number));
            }
            if random.one_in(2) {
                let _alone = self.events.write().unwrap();
                nobodys(|| self.assert_is(&lease.end(), number));
            } else {
                open.push((lease.finish(), number));
            }
            if open.len() == 16 {
                let (pending, number) = open.swap_remove(random.below(16));
                let _alone = self.events.write().unwrap();
                nobodys(|| self.assert_is(&pending.end(), number));
            }
        }
        for (pending, number) in open {
            let _alone = self.events.write().unwrap();
            self.assert_is(&pending.end(), number);
        }
    }
}

pub fn test() {
    for in_turn in [true, false] {
        let shared = Shared {
            books: Mutex::default(),
            pool: Mutex::default(),
            events: RwLock::default(),
            in_turn,
        };
        let rounds = harness::count(300, 10_000) as u64;
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let shared = &shared;
                scope.spawn(move || shared.work(thread, rounds));
            }
        });
        let books = shared.books();
        let all: Vec<&Sums> = books.leases.values().map(|(all, _)| all).collect();
        assert!(all.iter().filter(|sums| sums.freed[1] > 0).count() > all.len() / 2);
        assert!(books.leases.len() as u64 > THREADS * rounds / 2);
    }
}

pub use scrubjay_tests::harness::no_child as child;
