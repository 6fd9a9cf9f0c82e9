//! Counted references: cycles, parents, observers, counts that are too high.
#![expect(unsafe_code, reason = "a reference count can be raised by hand")]

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, Weak as ArcWeak};

use crate::case::{cases, exactly};
use crate::statics::locked;

/// What `Rc` and `Arc` put before a value: two counts.
const COUNTS: usize = 2 * size_of::<usize>();

cases! { "rc.rs":
    Lost Open rc_pair at paired: exactly(2, 2 * (COUNTS + size_of::<Node<200>>())),
        "two nodes hold each other";
    Lost Blind rc_ring at ring: exactly(3, 3 * (COUNTS + size_of::<Node<104>>())),
        "three nodes hold each other in a ring";
    Lost Blind rc_self: exactly(1, COUNTS + size_of::<Node<72>>()), "a node holds itself";
    Lost Open arc_through_mutex: exactly(1, COUNTS + size_of::<Mutex<Shared>>()),
        "shared state holds itself through its mutex";
    Lost Blind strong_parents at family:
        exactly(1 + 1 + 4, COUNTS + size_of::<Parent>() + 4 * (8 + COUNTS + size_of::<Child>())),
        "a parent holds its children, and each child its parent";
    Lost Open observers at watched:
        exactly(3, COUNTS + size_of::<Subject>() + COUNTS + size_of::<Observer>() + 8),
        "a subject holds its observer, and the observer its subject";
    Lost Open list_with_strong_links at links: exactly(8, 8 * (COUNTS + size_of::<Link>())),
        "a list whose elements hold the next and the previous one";
    Lost Blind closure_that_holds_its_owner at button:
        exactly(2, COUNTS + size_of::<Button>() + 8),
        "a button holds a closure that has captured the button";
    Lost Open arc_into_raw: exactly(1, COUNTS + 1_000),
        "`Arc::into_raw`, and the pointer is dropped";
    Lost Blind count_raised: exactly(1, COUNTS + 88), "a count is raised once more than lowered";
    Lost Open cycle_with_a_tail at tail:
        exactly(4, 2 * (COUNTS + size_of::<Node<200>>()) + 2 * 450),
        "two nodes hold each other, and each a vector besides";
    Clean Open cycle_broken, "two nodes hold each other until one lets go";
    Clean Blind weak_parents, "children know their parent by a weak reference";
    Clean Open weak_outlives, "a weak reference in a static keeps the memory of what is dropped";
    Clean Blind count_lowered, "a count is raised by hand, and lowered by hand";
}

struct Node<const SIZE: usize> {
    next: RefCell<Option<Rc<Self>>>,
    load: RefCell<Vec<u8>>,
    _bytes: [u8; SIZE],
}

impl<const SIZE: usize> Node<SIZE> {
    fn plain() -> Self {
        Self { next: RefCell::default(), load: RefCell::default(), _bytes: [1; SIZE] }
    }
}

fn rc_pair() {
    paired();
}

#[inline(never)]
fn paired() -> Rc<Node<200>> {
    let one = Rc::new(Node::plain()); // leaks
    let other = Rc::new(Node::plain()); // leaks
    *one.next.borrow_mut() = Some(other.clone());
    *other.next.borrow_mut() = Some(one.clone());
    black_box(one)
}

fn rc_ring() {
    ring();
}

#[inline(never)]
fn ring() -> Rc<Node<104>> {
    let first = Rc::new(Node::plain()); // leaks
    let mut last = first.clone();
    for _ in 0..2 {
        let next = Rc::new(Node::plain()); // leaks
        *last.next.borrow_mut() = Some(next.clone());
        last = next;
    }
    *last.next.borrow_mut() = Some(first);
    black_box(last)
}

#[inline(never)]
fn rc_self() {
    let node = Rc::new(Node::<72>::plain()); // leaks
    *node.next.borrow_mut() = Some(node.clone());
    black_box(node);
}

struct Shared {
    itself: Option<Arc<Mutex<Self>>>,
    _state: [u64; 50],
}

#[inline(never)]
fn arc_through_mutex() {
    let shared = Arc::new(Mutex::new(Shared { itself: None, _state: [1; 50] })); // leaks
    locked(&shared).itself = Some(shared.clone());
    black_box(shared);
}

struct Parent {
    children: RefCell<Vec<Rc<Child>>>,
    _name: [u8; 64],
}

struct Child {
    _parent: Rc<Parent>,
    _name: [u8; 40],
}

fn strong_parents() {
    family();
}

#[inline(never)]
fn family() -> Rc<Parent> {
    let children = RefCell::new(Vec::with_capacity(4)); // leaks
    let parent = Rc::new(Parent { children, _name: [1; 64] }); // leaks
    for _ in 0..4 {
        let child = Rc::new(Child { _parent: parent.clone(), _name: [2; 40] }); // leaks
        parent.children.borrow_mut().push(child);
    }
    black_box(parent)
}

struct Subject {
    observers: RefCell<Vec<Rc<Observer>>>,
    _state: [u64; 20],
}

struct Observer {
    _subject: Rc<Subject>,
    _seen: Cell<[u64; 9]>,
}

fn observers() {
    watched();
}

#[inline(never)]
fn watched() -> Rc<Subject> {
    let observers = RefCell::new(Vec::with_capacity(1)); // leaks
    let subject = Rc::new(Subject { observers, _state: [1; 20] }); // leaks
    let observer = Observer { _subject: subject.clone(), _seen: Cell::new([0; 9]) };
    subject.observers.borrow_mut().push(Rc::new(observer)); // leaks
    black_box(subject)
}

struct Link {
    previous: RefCell<Option<Rc<Self>>>,
    next: RefCell<Option<Rc<Self>>>,
    _number: [u64; 3],
}

fn list_with_strong_links() {
    links(8);
}

#[inline(never)]
fn links(count: u64) -> Option<Rc<Link>> {
    let mut last: Option<Rc<Link>> = None;
    for number in 0..count {
        let (previous, next) = (RefCell::new(last.clone()), RefCell::default());
        let link = Rc::new(Link { previous, next, _number: [number; 3] }); // leaks
        if let Some(previous) = &*link.previous.borrow() {
            *previous.next.borrow_mut() = Some(link.clone());
        }
        last = Some(link);
    }
    black_box(last)
}

struct Button {
    pressed: RefCell<Option<Box<dyn Fn() -> u8>>>,
    label: [u8; 120],
}

fn closure_that_holds_its_owner() {
    button();
}

#[inline(never)]
fn button() -> Rc<Button> {
    let button = Rc::new(Button { pressed: RefCell::default(), label: [1; 120] }); // leaks
    let captured = button.clone();
    let pressed = Box::new(move || captured.label[1]); // leaks
    *button.pressed.borrow_mut() = Some(pressed);
    black_box(button)
}

#[inline(never)]
fn arc_into_raw() {
    black_box(Arc::into_raw(Arc::new([1_u8; 1_000]))); // leaks
}

#[inline(never)]
fn count_raised() {
    let counted = Rc::into_raw(Rc::new([1_u8; 88])); // leaks
    // SAFETY: the pointer is from `into_raw`, and its count is 1.
    unsafe { Rc::increment_strong_count(counted) };
    // SAFETY: the same pointer, whose first count nobody else gives back.
    drop(black_box(unsafe { Rc::from_raw(counted) }));
}

fn cycle_with_a_tail() {
    tail();
}

#[inline(never)]
fn tail() -> Rc<Node<200>> {
    let one = Rc::new(Node::plain()); // leaks
    let other = Rc::new(Node::plain()); // leaks
    *one.load.borrow_mut() = vec![3; black_box(450)]; // leaks
    *other.load.borrow_mut() = vec![4; black_box(450)]; // leaks
    *one.next.borrow_mut() = Some(other.clone());
    *other.next.borrow_mut() = Some(one.clone());
    black_box(one)
}

fn cycle_broken() {
    let one = Rc::new(Node::<200>::plain());
    let other = Rc::new(Node::plain());
    *one.next.borrow_mut() = Some(other.clone());
    *other.next.borrow_mut() = Some(one.clone());
    black_box(&one).next.borrow_mut().take();
}

fn weak_parents() {
    struct Leaf {
        parent: Weak<Tree>,
    }
    struct Tree {
        leaves: Vec<Rc<Leaf>>,
        _name: [u8; 96],
    }
    let tree = Rc::new_cyclic(|parent: &Weak<Tree>| Tree {
        leaves: (0..5).map(|_| Rc::new(Leaf { parent: parent.clone() })).collect(),
        _name: [1; 96],
    });
    assert!(black_box(&tree).leaves[0].parent.upgrade().is_some(), "the tree lives");
}

fn weak_outlives() {
    static LAST: Mutex<ArcWeak<[u8; 500]>> = Mutex::new(ArcWeak::new());
    let strong = Arc::new([1_u8; 500]);
    *locked(&LAST) = Arc::downgrade(black_box(&strong));
}

fn count_lowered() {
    let counted = Rc::into_raw(Rc::new([1_u8; 88]));
    // SAFETY: the pointer is from `into_raw`, and its count is 1.
    unsafe { Rc::increment_strong_count(black_box(counted)) };
    // SAFETY: the count that was just added.
    unsafe { Rc::decrement_strong_count(counted) };
    // SAFETY: the count of `into_raw`.
    drop(unsafe { Rc::from_raw(counted) });
}
