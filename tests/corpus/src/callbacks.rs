//! Callbacks: never cleared, holding who holds them, cleared, set once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::{Mutex, OnceLock};

use crate::case::{at_least, cases, exactly};
use crate::statics::{ROOM, locked, next_number};

cases! { "callbacks.rs":
    Kept Open event_bus at subscribe: exactly(2, 2 * 448),
        "a static event bus is subscribed to, and nobody unsubscribes";
    Kept Blind hooks_by_name at add_hook: at_least(2, 208),
        "hooks are filed under names that are new each time";
    Lost Open bus_of_its_own_subscribers at bus: exactly(1 + 1 + 3, 16 + 32 + 3 * 16 + 3 * 48),
        "the subscribers of a bus have captured the bus";
    Kept Blind finalizers: exactly(2, 1_024 + 24),
        "finalizers are registered that only an orderly end would run";
    Clean Open unsubscribed, "a subscription ends with its guard";
    Clean Blind dispatcher_set_once, "a global dispatcher is set once, later ones are refused";
    Clean Open hook_replaced, "a hook in a static is replaced by another";
}

type Callback = Box<dyn Fn() -> u8 + Send + Sync>;

fn event_bus() {
    subscribe(1);
    subscribe(2);
}

#[inline(never)]
fn subscribe(number: u8) {
    static BUS: Mutex<Vec<Callback>> = Mutex::new(Vec::new());
    let mut bus = locked(&BUS);
    if bus.capacity() == 0 {
        bus.reserve_exact(ROOM);
    }
    let captured = black_box([number; 448]);
    bus.push(Box::new(move || captured[3])); // leaks
}

fn hooks_by_name() {
    add_hook(next_number());
}

#[inline(never)]
fn add_hook(name: u64) {
    static HOOKS: Mutex<BTreeMap<u64, Vec<Callback>>> = Mutex::new(BTreeMap::new());
    let captured = black_box([1_u8; 192]);
    let hook: Callback = Box::new(move || captured[3]); // leaks
    locked(&HOOKS).insert(name, vec![hook]); // leaks
}

#[derive(Default)]
struct Bus {
    subscribers: RefCell<Vec<Box<dyn Fn() -> usize>>>,
}

fn bus_of_its_own_subscribers() {
    bus();
}

#[inline(never)]
fn bus() -> Rc<Bus> {
    let subscribers = RefCell::new(Vec::with_capacity(3)); // leaks
    let bus = Rc::new(Bus { subscribers }); // leaks
    for number in 0..3 {
        let (captured, state) = (bus.clone(), black_box([number; 5]));
        let subscriber = move || captured.subscribers.borrow().len() + state[2];
        bus.subscribers.borrow_mut().push(Box::new(subscriber)); // leaks
    }
    black_box(bus)
}

#[inline(never)]
fn finalizers() {
    static AT_END: Mutex<Vec<Callback>> = Mutex::new(Vec::new());
    let mut at_end = locked(&AT_END);
    if at_end.capacity() == 0 {
        at_end.reserve_exact(ROOM);
    }
    let captured = black_box(vec![1_u8; 1_024]); // leaks
    at_end.push(Box::new(move || captured[3])); // leaks
}

fn unsubscribed() {
    static BUS: Mutex<BTreeMap<u64, Callback>> = Mutex::new(BTreeMap::new());

    struct Subscription(u64);
    impl Drop for Subscription {
        fn drop(&mut self) {
            locked(&BUS).remove(&self.0);
        }
    }

    let captured = black_box([1_u8; 448]);
    let subscription = Subscription(next_number());
    locked(&BUS).insert(subscription.0, Box::new(move || captured[3]));
    for callback in locked(&BUS).values() {
        black_box(callback());
    }
}

fn dispatcher_set_once() {
    static DISPATCHER: OnceLock<Callback> = OnceLock::new();
    let captured = black_box([1_u8; 640]);
    // The refused one comes back, and is dropped.
    drop(DISPATCHER.set(Box::new(move || captured[3])));
    black_box(DISPATCHER.get().map(|dispatcher| dispatcher()));
}

fn hook_replaced() {
    static HOOK: Mutex<Option<Callback>> = Mutex::new(None);
    let captured = black_box(vec![1_u8; 336]);
    *locked(&HOOK) = Some(Box::new(move || captured[3]));
}
