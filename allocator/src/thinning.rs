//! A ring of places that thins out: when it is full every second place is given
//! up, so that any run keeps at least half a ring of points, evenly spaced.

use core::sync::atomic::{AtomicU32, Ordering};

/// Which places are in use. All words, since it stands in statics; the caller has
/// the lock that guards it.
pub(crate) struct Thinning<const SIZE: usize> {
    /// Places in use, oldest first.
    count: AtomicU32,
    order: [AtomicU32; SIZE],
    /// Places that were given up, to be written next.
    spare_count: AtomicU32,
    spare: [AtomicU32; SIZE],
}

impl<const SIZE: usize> Thinning<SIZE> {
    pub(crate) const fn new() -> Self {
        Self {
            count: AtomicU32::new(0),
            order: [const { AtomicU32::new(0) }; SIZE],
            spare_count: AtomicU32::new(0),
            spare: [const { AtomicU32::new(0) }; SIZE],
        }
    }

    /// Forgets all places.
    pub(crate) fn clear(&self) {
        self.count.store(0, Ordering::Relaxed);
        self.spare_count.store(0, Ordering::Relaxed);
    }

    /// The place to write next in a ring of `capacity`, at most `SIZE`; `thinned`
    /// is called where that took every second place out.
    pub(crate) fn next(&self, capacity: u32, thinned: impl FnOnce()) -> u32 {
        if self.count.load(Ordering::Relaxed) >= capacity {
            self.thin_out();
            thinned();
        }
        let count = self.count.load(Ordering::Relaxed);
        let place = match self.spare_count.load(Ordering::Relaxed).checked_sub(1) {
            Some(last) => {
                self.spare_count.store(last, Ordering::Relaxed);
                self.spare[last as usize].load(Ordering::Relaxed)
            }
            None => count,
        };
        self.order[count as usize].store(place, Ordering::Relaxed);
        self.count.store(count + 1, Ordering::Relaxed);
        place
    }

    /// Gives up every second place, the newest ones kept.
    fn thin_out(&self) {
        let count = self.count.load(Ordering::Relaxed) as usize;
        let mut kept = 0;
        let mut spare = 0;
        for at in 0..count {
            let place = self.order[at].load(Ordering::Relaxed);
            if at % 2 == 0 {
                self.order[kept].store(place, Ordering::Relaxed);
                kept += 1;
            } else {
                self.spare[spare].store(place, Ordering::Relaxed);
                spare += 1;
            }
        }
        self.count.store(kept as u32, Ordering::Relaxed);
        self.spare_count.store(spare as u32, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_ring_of_evenly_spaced_points_is_kept() {
        let ring = Thinning::<16>::new();
        let mut places = [None; 8];
        let (mut spacing, mut due) = (1, 0);
        for moment in 0..1_000 {
            if moment >= due {
                let place = ring.next(8, || spacing *= 2);
                places[place as usize] = Some(moment);
                due = moment + spacing;
            }
        }
        let mut kept: Vec<i32> = places.iter().flatten().copied().collect();
        kept.sort_unstable();
        assert!(kept.len() >= 4 && kept[0] == 0 && kept[kept.len() - 1] >= 800, "{kept:?}");
        let gaps: Vec<i32> = kept.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().max().unwrap() <= &(2 * gaps.iter().min().unwrap() + 2), "{kept:?}");
        ring.clear();
        assert_eq!(ring.next(8, || unreachable!()), 0);
    }
}
