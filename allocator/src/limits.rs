//! Every limit of the allocator. What exceeds one is counted, and shown by
//! every report.

#[cfg(any(feature = "metrics", feature = "opentelemetry", feature = "metrics-page"))]
use core::time::Duration;

use scrubjay_log_format as format;

/// Threads that can have a slot of their own at one time; those beyond share
/// the orphan slot (`THREAD_OVERFLOW_COUNT`).
pub(crate) const THREAD_SLOTS_MAX: usize = 16 * 1024;
/// Pages of cells in a log; a thread without one counts in the orphan slot
/// (`CELL_OVERFLOW_COUNT`). Bounds the cells' memory to 205 MB.
pub(crate) const CELL_PAGES_MAX: usize = 64 * 1024;
/// Tags; those beyond count as untagged (`TAG_OVERFLOW_COUNT`).
pub(crate) const TAGS_MAX: usize = format::TAG_COUNT_MAX as usize;
/// Tags that share a page of cells.
pub(crate) const TAGS_PER_GROUP: usize = format::TAGS_PER_GROUP as usize;
/// Groups of tags.
pub(crate) const GROUPS_MAX: usize = format::GROUP_COUNT_MAX as usize;
/// Greatest size of a tag's name in bytes; longer ones do not compile.
pub(crate) const TAG_NAME_SIZE_MAX: usize = format::tag::NAME_SIZE_MAX;

/// Names beyond a family's bound that are told apart; it says no more than so many.
/// 16 bytes each, for each family that is used.
pub(crate) const FAMILY_OTHERS_MAX: usize = 4096;

/// Tags that spans make by their names, unless a family was named for them; those
/// beyond share one (`TagFamily::other_count`).
#[cfg(feature = "tracing")]
pub(crate) const SPAN_TAGS_MAX: u32 = 1_000;
/// Spans open at one time whose tags are known, of a layer: 512 KiB. Those beyond
/// have none (`SPAN_OVERFLOW_COUNT`).
#[cfg(feature = "tracing")]
pub(crate) const SPANS_MAX: usize = 32 * 1024;
/// Of these, such as share a bucket: what is looked at in a line of the cache.
#[cfg(feature = "tracing")]
pub(crate) const SPANS_PER_BUCKET: usize = 8;
/// Spans that a thread can have entered at one time; those beyond do not make their
/// tag active (`SPAN_OVERFLOW_COUNT`).
#[cfg(feature = "tracing")]
pub(crate) const SPANS_ENTERED_MAX: usize = 64;

/// Sites, the stackless ones of tags included; blocks of those beyond count for
/// their tag alone (`SITE_OVERFLOW_COUNT`). With what finds them, a site takes
/// 32 + 128 + 128 bytes of the log and 22 of memory: 330 MB at most.
pub(crate) const SITES_MAX: usize = format::site::COUNT_MAX as usize;
/// Nodes of the tree of stacks; a stack that finds no room makes no site. A node
/// takes 16 bytes of the log and 8 of memory: 400 MB at most. Frames near the
/// allocation are a stack's own, so there are many more of them than sites.
pub(crate) const STACK_NODES_MAX: usize = format::stack::NODE_COUNT_MAX as usize;
/// Frames that are kept of a stack unless told otherwise.
pub(crate) const STACK_DEPTH_DEFAULT: u32 = 64;
/// Sites that a thread finds again by a look at its own memory.
pub(crate) const SITES_REMEMBERED: usize = 256;
/// Pages of threads' caches of sites in a log; a thread without one adds to
/// the sites' counters themselves (`SITE_CACHE_OVERFLOW_COUNT`). 172 MB at most.
pub(crate) const SITE_PAGES_MAX: usize = 64 * 1024;
/// Mean distance of two samples unless told otherwise, in allocated bytes.
pub(crate) const SAMPLE_INTERVAL_DEFAULT: u64 = 512 << 10;
/// The greatest that can be asked for.
pub(crate) const SAMPLE_INTERVAL_MAX: u64 = 1 << 40;
/// Loaded modules in a log; those beyond are counted (`MODULE_OVERFLOW_COUNT`).
pub(crate) const MODULES_MAX: usize = format::module::COUNT_MAX as usize;
/// Live blocks that have records of their own at one time; those beyond are
/// counted (`live::overflow_count`). 40 bytes each, touched as needed.
pub(crate) const LIVE_MAX: usize = 16 << 20;
/// Records that a thread takes or gives back together: 5 KiB.
pub(crate) const LIVE_BATCH: u32 = 128;
/// What a thread is handed of a budget ahead of what it needs, in bytes; as much
/// again may come back to it before it goes back at once.
pub(crate) const ALLOWANCE_SIZE: u64 = 64 << 10;
/// Allowances of one tag, a word each; threads beyond share.
pub(crate) const ALLOWANCE_SHARDS: usize = 64;
/// Blocks up to this size may use a budget's headroom, bytes.
pub(crate) const HEADROOM_BLOCK_MAX: usize = 4 << 10;
/// A budget's headroom unless told otherwise: the limit, shifted down by this.
/// Below 1 %, above which nothing may be refused.
pub(crate) const HEADROOM_SHIFT: u32 = 7;
/// Whoever waits for events of budgets looks at least this often, in nanoseconds.
pub(crate) const PRESSURE_STEP_NS: i64 = 50_000_000;
/// Sites that are looked at when a soft limit is passed, for those that hold most.
pub(crate) const PRESSURE_SITES_MAX: usize = 64 * 1024;
/// Owners at one time; those beyond are refused, and leases among them counted
/// (`owner::overflow_count`). 4.5 KB each, of which those are touched that stand in
/// the first 64 places, or were there at one time: 18 MB at most.
pub(crate) const OWNERS_MAX: usize = 4096;
/// Owners that stand one below the other; those beyond are refused, too.
pub(crate) const OWNER_DEPTH_MAX: u32 = 64;
/// Tags that an owner's account tells apart; those beyond are summed up.
pub(crate) const OWNER_TAGS_MAX: usize = 32;
/// Notes in a log; those beyond are counted (`NOTE_OVERFLOW_COUNT`).
pub(crate) const NOTES_MAX: usize = format::note::COUNT_MAX as usize;
/// Budgets in a log: every tag may have one, and the process.
pub(crate) const BUDGETS_MAX: usize = format::pressure::BUDGET_COUNT_MAX as usize;
/// Events of budgets in a log; later ones take the place of the oldest.
pub(crate) const PRESSURE_EVENTS_MAX: usize = format::pressure::EVENT_COUNT as usize;
/// Records of the scans in a log: as many scans as it keeps, each with so many
/// rows; what has none is counted. 8 MiB at most.
pub(crate) const SCAN_RECORDS_MAX: usize =
    (format::scan::SET_COUNT * format::scan::SET_RECORDS) as usize;
/// A scan that has threads stand still for longer gives up, unless told otherwise,
/// in nanoseconds.
#[cfg(feature = "leak-check")]
pub(crate) const SCAN_PAUSE_MAX_NS: u64 = 1_000_000_000;
/// The shortest time between two scans at intervals, in nanoseconds.
#[cfg(feature = "leak-check")]
pub(crate) const SCAN_INTERVAL_MIN_NS: u64 = 10_000_000;
/// The shortest time between two publications of live figures.
#[cfg(feature = "metrics")]
pub(crate) const PUBLISH_INTERVAL_MIN: Duration = Duration::from_millis(10);
/// Instruments that are asked within so long may be of one collection.
#[cfg(feature = "opentelemetry")]
pub(crate) const OBSERVED_AGE_MAX: Duration = Duration::from_secs(1);
/// Connections of a metrics page at one time; the next ones wait in the kernel's
/// queue.
#[cfg(feature = "metrics-page")]
pub(crate) const PAGE_CONNECTIONS_MAX: usize = 8;
/// Greatest size of a request's head, bytes; a longer one is refused.
#[cfg(feature = "metrics-page")]
pub(crate) const PAGE_REQUEST_SIZE_MAX: usize = 8 << 10;
/// How long a request may take to come, whole.
#[cfg(feature = "metrics-page")]
pub(crate) const PAGE_REQUEST_TIME: Duration = Duration::from_secs(3);
/// How long an answer may take to go, whole.
#[cfg(feature = "metrics-page")]
pub(crate) const PAGE_ANSWER_TIME: Duration = Duration::from_secs(10);
/// How long, and for how many bytes more, a client is listened to that has its
/// answer: closed earlier, the connection would take the answer with it.
#[cfg(feature = "metrics-page")]
pub(crate) const PAGE_PARTING_TIME: Duration = Duration::from_secs(1);
/// See [`PAGE_PARTING_TIME`].
#[cfg(feature = "metrics-page")]
pub(crate) const PAGE_PARTING_SIZE_MAX: usize = 256 << 10;
/// How long nobody is let in when the system has no room for a connection.
#[cfg(feature = "metrics-page")]
pub(crate) const PAGE_REST_TIME: Duration = Duration::from_millis(200);

/// Frames in the ring, unless told otherwise: halved when full, so that any
/// run has at least 500 points.
pub(crate) const FRAMES_DEFAULT: u32 = 1024;
/// Fewest and most frames that can be asked for.
pub(crate) const FRAMES_MIN: u32 = 4;
/// See [`FRAMES_MIN`].
pub(crate) const FRAMES_MAX: u32 = 4096;
/// The first spacing of frames.
pub(crate) const FRAME_SPACING_NS: u64 = 1_000_000;

/// Bytes that a thread's delta may reach before it is published, while little
/// is live.
pub(crate) const QUANTUM_MIN: i64 = 4 << 10;
/// And at most, however much is live.
pub(crate) const QUANTUM_MAX: i64 = 4 << 20;
/// Between the two: what is live, shifted down by this (a thousandth).
pub(crate) const QUANTUM_SHIFT: u32 = 10;
/// The peak's breakdown is copied again once the peak rose by 1 / this.
pub(crate) const PEAK_FRAME_RISE: i64 = 100;

/// The file grows by windows of this many bytes. Smaller windows cost ten
/// times as much a record (remapping 1 MiB windows: 37 to 56 ns, 2 MiB: 4).
pub(crate) const WINDOW_SIZE: usize = 2 << 20;
/// The helper keeps this much room populated ahead of the journal.
pub(crate) const POPULATED_AHEAD: usize = 8 << 20;
/// Greatest size of a log unless told otherwise, in bytes.
pub(crate) const LOG_LIMIT_DEFAULT: u64 = 1 << 30;
/// Greatest limit that can be asked for: 1 TiB.
pub(crate) const LOG_LIMIT_MAX: u64 = 1 << 40;
/// Room behind the limit that only the ledger may take, so that it stays exact
/// when the journal has ended.
pub(crate) const LEDGER_RESERVE: usize = 2 << 30;
/// Longest name of a log, its placeholders filled in, in bytes.
pub(crate) const PATH_SIZE_MAX: usize = 1024;
/// How many numbers are tried where a log's name exists.
pub(crate) const NAME_TRIES_MAX: u32 = 10_000;

/// How often a lock is tried before the way out is taken: half a second, of
/// which all but the first tries are sleeps. None is held across a system call
/// but the one that maps a window, which takes some milliseconds.
pub(crate) const LOCK_TRIES_MAX: u32 = 1_000;
/// One wait for journal room, in nanoseconds; waits repeat.
pub(crate) const WAIT_STEP_NS: i64 = 2_000_000;
/// The helper looks for work at least this often, in nanoseconds.
pub(crate) const HELPER_STEP_NS: i64 = 50_000_000;

/// The kernel is asked about the process at most this often, in nanoseconds.
pub(crate) const VITALS_STEP_NS: u64 = 10_000_000;
/// And at least this often, where a log was asked for.
pub(crate) const VITALS_IDLE_NS: u64 = 1_000_000_000;
/// In between once resident bytes have changed by 1 / this.
pub(crate) const VITALS_CHANGE: u64 = 64;
/// The first spacing of the ring of vitals, in nanoseconds.
pub(crate) const VITALS_SPACING_NS: u64 = HELPER_STEP_NS as u64;
/// The parts are asked for again once resident bytes have changed by 1 / this,
pub(crate) const VITALS_PARTS_CHANGE: u64 = 10;
/// and after this time, in nanoseconds,
pub(crate) const VITALS_PARTS_SPACING_NS: u64 = 1_000_000_000;
/// and after so many times what they cost: a tenth of a percent of a processor.
pub(crate) const VITALS_PARTS_REST: u64 = 1_000;
/// Mappings are not read any further after this time, in nanoseconds; then the
/// parts are not known.
pub(crate) const VITALS_PARTS_MAX_NS: u64 = 50_000_000;
/// The C library's heap, which stands still meanwhile, is not asked again once
/// that took longer, in nanoseconds.
pub(crate) const VITALS_MALLOC_MAX_NS: u64 = 5_000_000;
/// Who exits waits this long at most for the helper to ask, in nanoseconds.
pub(crate) const VITALS_EXIT_NS: u64 = 100_000_000;

/// A refused size counts as this at most, so that ledger and journal agree.
pub(crate) const FAILED_SIZE_MAX: usize = format::event::ADDRESS_MAX as usize;

/// From this size on a block over `System` gets a mapping of its own, bytes:
/// glibc maps them, too, whatever its thresholds have become.
pub(crate) const MAPPED_MIN: usize = 32 << 20;
/// A block that grows to this size or above moves to a mapping once, bytes,
/// and is remapped from then on. The smaller, the less was copied and wiped by
/// then; at half of it page tables would take half as much as the blocks.
pub(crate) const MAPPED_GROWTH_MIN: usize =
    if cfg!(target_arch = "x86_64") { 16 << 10 } else { 128 << 10 };
/// Where slots for blocks that grow are all taken, one that grows to this size
/// gets a slot of the other kind, which is not kept; smaller ones are left to
/// the inner allocator.
pub(crate) const MAPPED_UNKEPT_MIN: usize = 1 << 20;
/// Blocks that grow stand in slots of this power of two until they outgrow it.
pub(crate) const GROWING_SLOT_SHIFT: u32 = 25;
/// What slots without a block may hold in pages, wiped, for the next block that
/// grows, bytes: as much as glibc's heap keeps of blocks that it once mapped.
pub(crate) const KEPT_SIZE_MAX: usize = 32 << 20;
/// A mapped block that shrinks below this leaves its mapping, bytes: a release
/// of less need not ask whose the block is.
pub(crate) const MAPPED_KEPT_MIN: usize = MAPPED_GROWTH_MIN;
/// Mapped blocks stand in slots of 2^20 to 2^36 bytes; larger ones are left to
/// the inner allocator.
pub(crate) const SLOT_SHIFT_MIN: u32 = 20;
/// See [`SLOT_SHIFT_MIN`].
pub(crate) const SLOT_SHIFT_MAX: u32 = 36;
/// Slots of one size, at most; blocks beyond are left to the inner allocator.
pub(crate) const SLOTS_MAX: usize = 1024;
/// Address space for the slots of one size, at most, in bytes.
#[cfg(target_pointer_width = "64")]
pub(crate) const SLOTS_SPAN_MAX: usize = 1 << 40;
/// From this size on a wipe asks first whether the block is in the cache, bytes:
/// the answer costs 30 ns, 4 % of the wipe.
pub(crate) const COLD_ASKED_MIN: usize = 64 << 10;
/// From this size on a wipe asks first which pages were touched, bytes: the
/// answer costs about 5 µs, and a page that was not is not faulted in.
pub(crate) const TOUCHED_ASKED_MIN: usize = 4 << 20;

/// Buckets of the quarantine, by size and alignment, and how many blocks each
/// holds back.
pub(crate) const QUARANTINE_BUCKETS: usize = 256;
/// See [`QUARANTINE_BUCKETS`].
pub(crate) const QUARANTINE_DEPTH: usize = 16;
/// Greatest block that is held back, and all together, bytes; what is beyond
/// goes back to the inner allocator at once, unverified.
pub(crate) const QUARANTINE_BLOCK_MAX: usize = 1 << 20;
/// See [`QUARANTINE_BLOCK_MAX`].
pub(crate) const QUARANTINE_SIZE_MAX: usize = 64 << 20;

/// Vault blocks stand, with a guard page each, in slots of 2^13 to 2^34 bytes,
/// where pages have 4 KiB; larger ones are refused.
pub(crate) const VAULT_SLOT_SHIFT_MIN: u32 = if cfg!(target_arch = "x86_64") { 13 } else { 17 };
/// See [`VAULT_SLOT_SHIFT_MIN`].
pub(crate) const VAULT_SLOT_SHIFT_MAX: u32 = 34;
/// Slots of one size, at most; blocks beyond take a slot of the next.
pub(crate) const VAULT_SLOTS_MAX: usize = 4096;
/// Address space for the slots of one size, at most, in bytes.
#[cfg(target_pointer_width = "64")]
pub(crate) const VAULT_SPAN_MAX: usize = 1 << 38;
/// Vault blocks at one time; those beyond are refused, by name. Each takes two
/// of the 65,530 maps that a process may have by default, and half of them are
/// left to the program.
pub(crate) const VAULT_BLOCKS_MAX: usize = 16_000;
/// How many times a forked child tries to take the vaults' addresses again,
/// where others stand among them by then.
pub(crate) const VAULT_RESERVE_TRIES_MAX: u32 = 4096;

/// How far from a C block's end the trailer of a block of Rust's is looked for,
/// bytes: more than the slack of any block of glibc's, which is below a page.
#[cfg(feature = "c-heap")]
pub(crate) const LOOKED_BACK: usize = 4096 + 64;

/// Frames of a stack, at most; what is beyond is cut, and counted.
pub(crate) const STACK_DEPTH_MAX: usize = 256;
/// Code addresses of which is known how to get to the caller; beyond, they take
/// the place of others and are found out again. 512 KiB, touched as needed.
pub(crate) const STACK_RULES_MAX: usize = 64 * 1024;
/// Threads that can at one time find out such rules; beyond, a stack ends early
/// (`capture::busy_count`). 38 KB each.
pub(crate) const UNWINDER_SEATS: usize = 8;
/// Threads that can at one time capture a stack that is not their own; beyond,
/// there is none.
pub(crate) const STACK_WINDOWS_MAX: usize = 16;
/// Tables of modules that may be unloaded are copied, all together up to this
/// size, bytes; stacks end at the code of those beyond.
pub(crate) const TABLES_COPIED_MAX: usize = 64 << 20;

/// Threads whose stacks are known for what they are once they have ended; those
/// beyond are counted (`thread_blocks::missed_count`), and their stacks taken for
/// memory in use.
pub(crate) const THREAD_BLOCKS_MAX: usize = 2 * THREAD_SLOTS_MAX;

/// Threads that a search of what is reachable can have stand still; those beyond
/// go on, and are counted.
pub(crate) const REACH_THREADS_MAX: usize = 16 * 1024;
/// How often the list of threads is read, at most, until nobody new stands in it.
pub(crate) const REACH_PASSES_MAX: u32 = 1_000;
/// Who is asked to stand still is looked at after so long without any answer, in
/// nanoseconds: it may be gone, or block the signal.
pub(crate) const REACH_LOOK_NS: i64 = 300_000;
/// The time between two looks doubles up to this, in nanoseconds.
pub(crate) const REACH_LOOK_MAX_NS: i64 = 5_000_000;
/// Who has not answered so long after the last answer is taken to go on, in
/// nanoseconds: some time slices of a busy machine.
pub(crate) const REACH_ANSWER_NS: u64 = 250_000_000;
/// Nobody is asked any more after so long, in nanoseconds.
pub(crate) const REACH_ASKED_NS: u64 = 2_000_000_000;
/// A search that takes longer than this in all gives up, in nanoseconds.
pub(crate) const REACH_SEARCH_NS: u64 = 20_000_000_000;
/// Who stands still goes on after so many steps of so many nanoseconds, whatever
/// has become of the search.
pub(crate) const REACH_HELD_STEPS: u64 = 60;
/// See [`REACH_HELD_STEPS`].
pub(crate) const REACH_HELD_STEP_NS: i64 = 1_000_000_000;
/// The stack of the search itself, bytes.
pub(crate) const REACH_STACK_SIZE: usize = 256 << 10;
/// Blocks that can be searched for; more are refused.
pub(crate) const REACH_BLOCKS_MAX: usize = 1 << 30;
/// Mappings of the process that are looked at; more are refused. The kernel's own
/// limit is 65,530 unless somebody raised it.
pub(crate) const REACH_MAPPINGS_MAX: usize = 1 << 20;
/// Pieces of memory that may hold the first pointers; more are refused.
pub(crate) const REACH_PIECES_MAX: usize = 1 << 22;
/// Loaded files that are told apart; variables of those beyond count for none.
pub(crate) const REACH_MODULES_MAX: usize = 4096;
/// Of blocks from this size on only the pages are read that hold something,
/// bytes: to ask costs about 1 µs.
pub(crate) const REACH_TOUCHED_MIN: usize = 64 << 10;

/// Size of the trailer behind each block.
pub(crate) const TRAILER_SIZE: usize = 8;

const _: () = assert!(GROUPS_MAX * TAGS_PER_GROUP == TAGS_MAX);
const _: () = assert!(OWNERS_MAX.is_power_of_two() && OWNERS_MAX.is_multiple_of(64));
const _: () = assert!(CELL_PAGES_MAX >= THREAD_SLOTS_MAX);
const _: () = assert!(WINDOW_SIZE.is_multiple_of(format::CHUNK_SIZE_MIN as usize));
const _: () = assert!(MAPPED_KEPT_MIN <= MAPPED_GROWTH_MIN);
const _: () = assert!(MAPPED_GROWTH_MIN <= MAPPED_MIN);
const _: () = assert!(MAPPED_GROWTH_MIN <= MAPPED_UNKEPT_MIN);
const _: () = assert!(MAPPED_UNKEPT_MIN >= 1 << SLOT_SHIFT_MIN);
const _: () = assert!(GROWING_SLOT_SHIFT >= SLOT_SHIFT_MIN && GROWING_SLOT_SHIFT < SLOT_SHIFT_MAX);
const _: () = assert!(KEPT_SIZE_MAX <= 1 << GROWING_SLOT_SHIFT);
#[cfg(target_pointer_width = "64")]
const _: () = assert!(SLOTS_SPAN_MAX >> SLOT_SHIFT_MAX > 0);
const _: () = assert!(QUARANTINE_BLOCK_MAX < MAPPED_MIN);
const _: () = assert!(QUARANTINE_BLOCK_MAX <= QUARANTINE_SIZE_MAX);
#[cfg(target_pointer_width = "64")]
const _: () = assert!(VAULT_SPAN_MAX >> VAULT_SLOT_SHIFT_MAX > 0);
const _: () = assert!(VAULT_SLOTS_MAX < u32::MAX as usize);
const _: () = assert!(COLD_ASKED_MIN <= TOUCHED_ASKED_MIN);
const _: () = assert!(REACH_THREADS_MAX >= THREAD_SLOTS_MAX);
const _: () = assert!(REACH_ANSWER_NS < REACH_ASKED_NS);
const _: () = assert!(REACH_ASKED_NS < REACH_SEARCH_NS);
const _: () = assert!(REACH_SEARCH_NS < REACH_HELD_STEPS * REACH_HELD_STEP_NS as u64);
const _: () = assert!(REACH_BLOCKS_MAX < u32::MAX as usize);
const _: () = assert!(QUANTUM_MIN < QUANTUM_MAX);
const _: () = assert!(LOG_LIMIT_DEFAULT <= LOG_LIMIT_MAX);
#[cfg(target_pointer_width = "64")]
const _: () = assert!(
    CELL_PAGES_MAX * format::cell::PAGE_SIZE
        + SITES_MAX
            * (format::site::DECLARATION_SIZE
                + format::site::COUNTERS_SIZE
                + format::peak::SITE_SIZE)
        + STACK_NODES_MAX * format::stack::SIZE
        + SITE_PAGES_MAX * format::site::CACHE_PAGE_SIZE
        + SCAN_RECORDS_MAX * format::scan::SIZE
        + format::vitals::COUNT_MAX as usize * format::vitals::SIZE
        + format::registry::RECORD_COUNT_MAX as usize * format::registry::SIZE
        + GROUPS_MAX * format::frame::slot_count(FRAMES_MAX) as usize * format::frame::ROW_SIZE
        <= LEDGER_RESERVE
);
