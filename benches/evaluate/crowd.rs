//! From a function of a number to its values for many numbers, on every core.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// `f(0)` to `f(count - 1)`, in that order, whatever the number of threads.
pub fn map<T: Send>(count: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let numbers = std::iter::from_fn(|| {
            let number = next.fetch_add(1, Ordering::Relaxed);
            (number < count).then_some(number)
        });
        numbers
            .map(|number| (number, f(number)))
            .collect::<Vec<_>>()
    };
    let mut values: Vec<(usize, T)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter();
        joined
            .flat_map(|worker| worker.join().expect("no worker panics"))
            .collect()
    });
    values.sort_by_key(|(number, _)| *number);
    values.into_iter().map(|(_, value)| value).collect()
}
