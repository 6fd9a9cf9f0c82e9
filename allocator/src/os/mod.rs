//! Every call to the system, each with its contract.
//!
//! None of them allocates through Rust's global allocator.

mod apart;
#[cfg(feature = "metrics-page")]
mod awaited;
mod files;
mod guarded;
mod memory;
mod modules;
mod ours;
mod pagemap;
mod process;
mod stacks;
mod stop_signal;
mod tasks;
mod threads;
mod time;

pub(crate) use apart::{open_file, read_memory, read_on, run_apart, without_signals};
#[cfg(feature = "metrics-page")]
pub(crate) use awaited::{Awaited, wait_for};
pub(crate) use files::{
    NoRoom, close, create_file, identity, lock_file, read_file, remove_file, reserve_file, write_at,
};
pub(crate) use guarded::{
    Access, NoSecret, fault_address, hand_fault_on, keep_from_children, keep_from_dumps,
    lock_limit, lock_pages, map_secret, on_fault, protect,
};
pub(crate) use memory::{
    ask_for_large_pages, blank_pages, map_over, map_private, move_pages, page_size, populate,
    reserve, reserve_again, return_pages, unmap, wipe_on_fork,
};
pub(crate) use modules::{Object, each_object, program_path, static_thread_locals};
pub(crate) use ours::{each_own, note_own, own_missed_count};
pub(crate) use pagemap::{PageRun, open_pagemap, read_pagemap, scan_pagemap};
pub(crate) use process::{
    abort, at_exit, at_fork, environment, fault_counts, host_name, is_privileged, parent_id,
    process_id, random, write_error, write_error_pieces,
};
pub(crate) use stacks::{
    first_stack, first_stack_limit, is_first_thread, keeping_errno, mapping_of, read_words,
    thread_block,
};
pub(crate) use stop_signal::{has_signal, let_signal_in, queue_signal, signal_value, take_signal};
pub(crate) use tasks::{TaskState, each_task, task_state};
pub(crate) use threads::{
    arm_thread_exit, back_off, create_exit_key, name_thread, signal_stack, stack_limit,
    start_thread, thread_id, thread_name, wait_while, wake_all, yield_now,
};
pub(crate) use time::{monotonic_ns, realtime_ns};
