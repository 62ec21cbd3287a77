//! From the sizes that hosts and roles are used to, to the p-value of one more.
//!
//! Judges nothing. A value is compared with its own cell (a host's values of one class), or while
//! that learns with the host's, the role's or the site's, by r = (ln(1 + x) − median)/(1.4826·MAD);
//! how unusual an r is is read from the pool of all residuals: p = (1 + #{r' ≥ r})/(1 + N). Under
//! the baseline P(p ≤ a) ≤ a, whatever the distribution, as far as residuals are exchangeable.
//!
//! What is learnt by a host counts for it at once; roles, the site and the pool are read as of the
//! last closed epoch and merged in any order. Values enter cells winsorised at the 99.5 % quantile
//! of a cell that is mature; whoever alerts on a value must not learn it. Counts halve every
//! fourteen days. Bounded by `max` host cells, the one used longest ago leaves.

use super::bounded::{Bounded, Key};
use super::maturity::{Baseline, Learning, Maturity};
use super::sketch::{Sketch, Spread, log};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where values that enter a mature cell are cut.
const WINSOR: f64 = 0.995;
/// The least deviation that is told apart: constant sizes are not all equal. By design.
const MAD_MIN: f64 = 0.1;
/// Makes the median absolute deviation a standard deviation where values are normal.
const MAD_SCALE: f64 = 1.4826;
/// Residuals without which no p-value is told: fewer cannot show one in fifty.
const POOL_MIN: u64 = 100;
/// Epochs (hours) after which counts halve: fourteen days.
const HALVING_EPOCHS: i64 = 14 * 24;

/// Bins of a residual: eighths from −8 to 56.
const RESIDUALS: i32 = 512;

/// What is usual for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The host's values of the class.
    HostClass,
    /// The host's values.
    Host,
    /// The role's values of the class.
    Role,
    /// The site's values of the class.
    Site,
}

/// Whose value, of which class.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a, H, C> {
    /// The host.
    pub host: &'a H,
    /// Its role.
    pub role: &'a str,
    /// What kind of value: only values of one class are alike.
    pub class: C,
}

/// How unusual a value is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unusual {
    /// The share of residuals that are at least as large.
    pub p: f64,
    /// Standard deviations above the median, robustly.
    pub residual: f64,
    /// What it was compared with.
    pub level: Level,
    /// The median there, in bytes or whatever the values are.
    pub median: u64,
    /// Values there.
    pub n: u64,
    /// Residuals in the pool.
    pub pool: u64,
}

/// Values of one kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Cell {
    sketch: Sketch,
    maturity: Maturity,
    /// The fortnight up to which counts were halved.
    fortnight: i64,
}

impl Cell {
    fn age(&mut self, fortnight: i64) {
        let halvings = match self.maturity.so_far().samples {
            0 => 0,
            _ => fortnight.saturating_sub(self.fortnight).clamp(0, 32),
        };
        self.fortnight = self.fortnight.max(fortnight);
        let known = self.sketch.filled() > 0;
        (0..halvings).for_each(|_| self.sketch.halve());
        if known && self.sketch.filled() == 0 {
            self.maturity = Maturity::default();
        }
    }

    fn handle_value(&mut self, value: u64, at: Timestamp) {
        self.age(fortnight(at));
        match self.maturity.is_ready() {
            true => self.sketch.add_winsorised(value, WINSOR),
            false => self.sketch.add(value),
        }
        self.maturity.handle_sample(at);
    }

    fn merge(&mut self, mut other: Cell) {
        let newest = self.fortnight.max(other.fortnight);
        self.age(newest);
        other.age(newest);
        self.sketch.merge(&other.sketch);
        self.maturity.merge(&other.maturity);
    }

    /// Where its values lie, once it is mature.
    fn spread(&self) -> Option<Spread> {
        self.maturity.is_ready().then(|| self.sketch.spread())?
    }
}

fn fortnight(at: Timestamp) -> i64 {
    at.hour().div_euclid(HALVING_EPOCHS)
}

fn residual(value: u64, spread: Spread) -> f64 {
    (log(value) - spread.median) / (MAD_SCALE * spread.mad.max(MAD_MIN))
}

/// The residuals of all cells, counted by eighths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Pool {
    bins: BTreeMap<u16, u64>,
}

impl Pool {
    /// Rounded down, so that a count from a residual's bin on is never too small.
    fn bin(residual: f64) -> u16 {
        let bin = libm::floor(residual.clamp(-8.0, 56.0) * 8.0) as i32 + 64;
        bin.clamp(0, RESIDUALS - 1) as u16
    }

    fn add(&mut self, residual: f64) {
        let count = self.bins.entry(Pool::bin(residual)).or_default();
        *count = count.saturating_add(1);
    }

    fn merge(&mut self, other: &Pool) {
        for (bin, n) in &other.bins {
            let count = self.bins.entry(*bin).or_default();
            *count = count.saturating_add(*n);
        }
    }

    fn halve(&mut self) {
        let mut carry = 0;
        self.bins.retain(|_, count| {
            let sum = count.saturating_add(carry);
            carry = sum % 2;
            *count = sum / 2;
            *count > 0
        });
    }

    fn n(&self) -> u64 {
        self.bins.values().sum()
    }

    fn p_value(&self, residual: f64) -> f64 {
        let above: u64 = self.bins.range(Pool::bin(residual)..).map(|(_, n)| n).sum();
        (above as f64 + 1.0) / (self.n() as f64 + 1.0)
    }
}

/// What many hosts are used to, in one epoch or all before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Many<C: Ord> {
    roles: BTreeMap<(Box<str>, C), Cell>,
    site: BTreeMap<C, Cell>,
    pool: Pool,
}

impl<C: Ord> Default for Many<C> {
    fn default() -> Self {
        Many {
            roles: BTreeMap::new(),
            site: BTreeMap::new(),
            pool: Pool::default(),
        }
    }
}

/// What is usual, by host and class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conformal<H: Key, C: Key> {
    hosts: Bounded<(H, Option<C>), Cell>,
    closed: Many<C>,
    open: Many<C>,
}

impl<H: Key, C: Key> Default for Conformal<H, C> {
    fn default() -> Self {
        Conformal {
            hosts: Bounded::default(),
            closed: Many::default(),
            open: Many::default(),
        }
    }
}

impl<H: Key, C: Key + Copy> Conformal<H, C> {
    /// Learns a value that nobody alerted on.
    pub fn learn(&mut self, place: Place<'_, H, C>, value: u64, at: Timestamp, max: usize) {
        if let Some((_, spread, _)) = self.usual(&place) {
            self.open.pool.add(residual(value, spread));
        }
        for class in [Some(place.class), None] {
            let key = (place.host.clone(), class);
            if let Some(cell) = self.hosts.touch(&key, at, max, Cell::default) {
                cell.handle_value(value, at);
            }
        }
        let role = (Box::from(place.role), place.class);
        self.open
            .roles
            .entry(role)
            .or_default()
            .handle_value(value, at);
        self.open
            .site
            .entry(place.class)
            .or_default()
            .handle_value(value, at);
    }

    /// How unusual `value` is.
    pub fn ask(&self, place: Place<'_, H, C>, value: u64) -> Baseline<Unusual> {
        let pool = self.closed.pool.n();
        let usual = self.usual(&place).filter(|_| pool >= POOL_MIN);
        let Some((level, spread, n)) = usual else {
            return Baseline::Learning(self.so_far(&place));
        };
        let residual = residual(value, spread);
        Baseline::Ready(Unusual {
            p: self.closed.pool.p_value(residual),
            residual,
            level,
            median: libm::round(libm::expm1(spread.median)) as u64,
            n,
            pool,
        })
    }

    /// Forgets what the host was used to: it changed.
    pub fn restart(&mut self, host: &H, classes: impl IntoIterator<Item = C>) {
        for class in classes.into_iter().map(Some).chain([None]) {
            self.hosts.remove(&(host.clone(), class));
        }
    }

    /// Closes the open epoch; there are as many role cells as roles times classes.
    pub fn close_epoch(&mut self, before: i64, epoch: i64) {
        let halvings = epoch.div_euclid(HALVING_EPOCHS) - before.div_euclid(HALVING_EPOCHS);
        (0..halvings.clamp(0, 32)).for_each(|_| self.closed.pool.halve());
        let open = std::mem::take(&mut self.open);
        for (key, cell) in open.roles {
            self.closed.roles.entry(key).or_default().merge(cell);
        }
        for (key, cell) in open.site {
            self.closed.site.entry(key).or_default().merge(cell);
        }
        self.closed.pool.merge(&open.pool);
    }

    /// Host cells that had to leave for others.
    pub fn evicted(&self) -> u64 {
        self.hosts.evicted()
    }

    /// The narrowest mature cell that `place` belongs to.
    fn usual(&self, place: &Place<'_, H, C>) -> Option<(Level, Spread, u64)> {
        let host = |class| self.hosts.get(&(place.host.clone(), class));
        let role = (Box::from(place.role), place.class);
        let cells = [
            (Level::HostClass, host(Some(place.class))),
            (Level::Host, host(None)),
            (Level::Role, self.closed.roles.get(&role)),
            (Level::Site, self.closed.site.get(&place.class)),
        ];
        let mature = |(level, cell): (Level, Option<&Cell>)| {
            let cell = cell?;
            Some((level, cell.spread()?, cell.sketch.n()))
        };
        cells.into_iter().find_map(mature)
    }

    fn so_far(&self, place: &Place<'_, H, C>) -> Learning {
        let cell = self.hosts.get(&(place.host.clone(), Some(place.class)));
        cell.map_or_else(Learning::default, |cell| cell.maturity.so_far())
    }
}
