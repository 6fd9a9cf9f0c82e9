//! Spans of `tracing` as tags.

mod entered;
mod table;

use core::fmt;
use core::sync::atomic::Ordering;

use scrubjay_log_format::process;
use tracing_core::Subscriber;
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer};

use crate::limits::SPAN_TAGS_MAX;
use crate::tag::Tag;
use crate::tag_family::TagFamily;
use crate::{own, scope, store};

use table::Table;

/// A layer that makes spans into tags: while a span is entered, its thread
/// allocates under the tag that the span's name, or one of its fields, says.
///
/// Which tag a span has is settled when it is made; to enter and to leave it
/// allocates nothing, takes no lock, and costs 6 ns. Spans may be left in
/// another order than they were entered in, as happens where tasks share a thread;
/// scopes within a span end before it.
///
/// A layer knows the tags of 32,768 open spans, and a thread those of 64 that it has
/// entered; what is beyond (from three quarters of the 32,768 on it is one now and
/// then) leaves the tag as it is, and is counted in the log.
///
/// ```
/// use scrubjay::{SpanTags, Tag};
/// use tracing_subscriber::layer::SubscriberExt;
///
/// static PROMPT: Tag = Tag::new("prompt").secret();
///
/// let subscriber = tracing_subscriber::registry().with(SpanTags::by_name().with(&PROMPT));
/// tracing::subscriber::with_default(subscriber, || {
///     let span = tracing::info_span!("prompt");
///     let _entered = span.enter();
///     let prompt = String::from("what the user asked"); // under PROMPT, so it is wiped
/// #   assert_eq!(scrubjay::Context::current(), scrubjay::Context::current().with_tag(&PROMPT));
/// #   drop(prompt);
/// });
/// ```
#[derive(Debug)]
pub struct SpanTags {
    by: By,
    family: &'static TagFamily,
    table: Table,
}

/// What of a span names its tag.
#[derive(Debug)]
enum By {
    Name,
    Field(&'static str),
}

/// The tags of spans that no family was named for: called as the spans are.
static SPANS: TagFamily = TagFamily::bare("spans", SPAN_TAGS_MAX);

impl SpanTags {
    /// A span's name is its tag's: the tag of that name, where there is one, else
    /// a new one; from the 1,001st name on they share the tag `spans/other`.
    pub fn by_name() -> Self {
        Self::new(By::Name)
    }

    /// What a field of a span says is its tag's name, as for
    /// [`SpanTags::by_name`]. A span without the field keeps the tag of what is
    /// around it, until the field is recorded: then it has that tag from the next
    /// time on that it is entered.
    ///
    /// ```
    /// use scrubjay::{SpanTags, TagFamily};
    /// use tracing_subscriber::layer::SubscriberExt;
    ///
    /// static TENANTS: TagFamily = TagFamily::new("tenant", 100).hashed();
    ///
    /// let layer = SpanTags::by_field("tenant").in_family(&TENANTS);
    /// # let tenant = "ann";
    /// tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
    ///     let span = tracing::info_span!("request", tenant);
    ///     let _entered = span.enter();
    /// #   let tag = TENANTS.member("ann");
    /// #   assert_eq!(scrubjay::Context::current(), scrubjay::Context::current().with_tag(tag));
    /// });
    /// ```
    pub fn by_field(field: &'static str) -> Self {
        Self::new(By::Field(field))
    }

    fn new(by: By) -> Self {
        Self { by, family: &SPANS, table: own::account(Table::new) }
    }

    /// Has the tags be members of a family, with its bound, its policy and its way
    /// of naming them.
    pub fn in_family(self, family: &'static TagFamily) -> Self {
        Self { family, ..self }
    }

    /// Has a tag be there before any span of its name makes one: with its policy,
    /// which a span cannot state.
    pub fn with(self, tag: &'static Tag) -> Self {
        scope::index_of(tag);
        self
    }

    /// Notes which tag a span has.
    fn note(&self, span: &Id, name: &str) {
        let tag = scope::index_of(self.family.member(name));
        if !self.table.insert(span.into_u64(), tag) {
            count_overflow();
        }
    }

    fn look<'a>(&'a self, span: &'a Id) -> Option<Look<'a>> {
        match self.by {
            By::Name => None,
            By::Field(name) => Some(Look { name, tags: self, span }),
        }
    }
}

/// A span, or its being entered, found no room: it leaves the tag as it is.
#[cold]
fn count_overflow() {
    if let Some(store) = store::current() {
        store.process()[process::SPAN_OVERFLOW_COUNT].fetch_add(1, Ordering::Relaxed);
    }
}

impl<S: Subscriber> Layer<S> for SpanTags {
    fn on_new_span(&self, attributes: &Attributes<'_>, span: &Id, _: Context<'_, S>) {
        match self.look(span) {
            None => self.note(span, attributes.metadata().name()),
            Some(mut look) if attributes.fields().field(look.name).is_some() => {
                attributes.record(&mut look);
            }
            Some(_) => {}
        }
    }

    fn on_record(&self, span: &Id, values: &Record<'_>, _: Context<'_, S>) {
        if let Some(mut look) = self.look(span) {
            values.record(&mut look);
        }
    }

    #[inline]
    fn on_enter(&self, span: &Id, _: Context<'_, S>) {
        let span = span.into_u64();
        if let Some(tag) = self.table.tag(span)
            && !entered::enter(self.table.place(), span, tag)
        {
            count_overflow();
        }
    }

    #[inline]
    fn on_exit(&self, span: &Id, _: Context<'_, S>) {
        entered::exit(self.table.place(), span.into_u64());
    }

    fn on_close(&self, span: Id, _: Context<'_, S>) {
        self.table.remove(span.into_u64());
    }

    fn on_id_change(&self, old: &Id, new: &Id, _: Context<'_, S>) {
        if let Some(tag) = self.table.tag(old.into_u64())
            && !self.table.insert(new.into_u64(), tag)
        {
            count_overflow();
        }
    }
}

/// Looks for the field that names a span's tag.
struct Look<'a> {
    name: &'static str,
    tags: &'a SpanTags,
    span: &'a Id,
}

impl Visit for Look<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == self.name {
            self.tags.note(self.span, value);
        }
    }

    /// What is not a text: numbers, and what is shown by `%` and `?`.
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == self.name {
            self.tags.note(self.span, &format!("{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::dispatcher::with_default as with;
    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::registry;

    use super::*;
    use crate::context::Context;

    static TAGS: [Tag; 3] = [Tag::new("spans/a"), Tag::new("spans/b"), Tag::new("7")];

    #[test]
    fn a_field_may_be_a_text_or_a_number_and_be_recorded_later() {
        let outside = Context::current();
        with_default(registry().with(SpanTags::by_field("memory")), || {
            let span = tracing::info_span!("x", memory = tracing::field::Empty);
            assert_eq!(span.in_scope(Context::current), outside);
            let texts = ["spans/a", "spans/b"];
            for (text, tag) in texts.iter().zip(&TAGS) {
                span.record("memory", text);
                assert_eq!(span.in_scope(Context::current), outside.with_tag(tag));
            }
            span.record("memory", 7);
            assert_eq!(span.in_scope(Context::current), outside.with_tag(&TAGS[2]));
            let shown = tracing::info_span!("x", memory = %"spans/a", other = 1);
            assert_eq!(shown.in_scope(Context::current), outside.with_tag(&TAGS[0]));
            let without = tracing::info_span!("spans/a", memorable = "spans/b");
            assert_eq!(without.in_scope(Context::current), outside);
        });
    }

    /// Registries number their spans alike.
    #[test]
    fn spans_of_two_subscribers_do_not_meet() {
        let [one, other] = [0, 1].map(|_| {
            let dispatch: tracing::Dispatch = registry().with(SpanTags::by_name()).into();
            dispatch
        });
        let outside = Context::current();
        let first = with(&one, || tracing::info_span!("spans/a"));
        let second = with(&other, || tracing::info_span!("spans/b"));
        assert_eq!(first.id(), second.id());
        let entered = first.enter();
        let inner = second.enter();
        assert_eq!(Context::current(), outside.with_tag(&TAGS[1]));
        drop(entered);
        assert_eq!(Context::current(), outside.with_tag(&TAGS[1]));
        drop(inner);
        assert_eq!(Context::current(), outside);
    }

    #[test]
    fn a_closed_span_leaves_its_place() {
        let layer = SpanTags::by_name();
        let place = std::sync::Arc::new(registry().with(layer));
        with_default(place.clone(), || {
            for _ in 0..2 * crate::limits::SPANS_MAX {
                let span = tracing::info_span!("spans/a");
                drop(span);
            }
            let shown = format!("{place:?}");
            assert!(shown.contains("Table { count: 0,"), "{shown}");
        });
    }
}
