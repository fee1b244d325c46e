//! Which code an input reached, in a build with counters (`coverage.sh`); in others nothing.

use std::sync::Mutex;

static REGIONS: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

/// Called once for every compiled unit that has counters.
#[unsafe(no_mangle)]
pub extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, end: *mut u8) {
    if let Ok(mut regions) = REGIONS.lock() {
        regions.push((start as usize, end as usize - start as usize));
    }
}

/// What was reached so far.
pub struct Coverage {
    counters: Vec<&'static mut [u8]>,
    /// For each counter, a bit for each magnitude it has had.
    seen: Vec<Vec<u8>>,
}

impl Coverage {
    /// Nothing reached.
    pub fn new() -> Self {
        let regions = std::mem::take(&mut *REGIONS.lock().expect("nobody panics with it"));
        let counters: Vec<&'static mut [u8]> = regions
            .into_iter()
            // SAFETY: the compiler's table of counters, handed out once: the list was taken.
            .map(|(start, length)| unsafe {
                std::slice::from_raw_parts_mut(start as *mut u8, length)
            })
            .collect();
        let seen = counters
            .iter()
            .map(|region| vec![0; region.len()])
            .collect();
        Self { counters, seen }
    }

    /// Forgets what ran since the last input.
    pub fn clear(&mut self) {
        for region in &mut self.counters {
            region.fill(0);
        }
    }

    /// Whether the last input reached something, or reached it oftener by a magnitude, for the
    /// first time.
    pub fn is_new(&mut self) -> bool {
        let mut new = false;
        for (region, seen) in self.counters.iter().zip(&mut self.seen) {
            let words = region.chunks(8).zip(seen.chunks_mut(8));
            for (counts, seen) in words.filter(|(counts, _)| counts.iter().any(|n| *n != 0)) {
                for (count, seen) in counts.iter().zip(seen).filter(|(count, _)| **count != 0) {
                    let magnitude = 1 << count.ilog2();
                    new |= *seen & magnitude == 0;
                    *seen |= magnitude;
                }
            }
        }
        new
    }

    /// Counters that were ever reached, and all.
    pub fn reached(&self) -> (usize, usize) {
        let all = self.seen.iter().flatten();
        (all.clone().filter(|seen| **seen != 0).count(), all.count())
    }
}
