//! From an alert's evidence to what would have changed its tier.

use super::evidence::{Bits, Evidence, Tier, Tiers};

/// The sentence: which single items the tier rests on, and what is missing to the highest one.
pub(super) fn sentence(tiers: &Tiers, evidence: &Evidence, tier: Tier) -> String {
    let without = |id| {
        let (total, groups) = (evidence.total_without(id), evidence.groups_without(id));
        let weaker = tiers.tier(total, groups, false);
        weaker.map(|weaker| weaker.min(tier))
    };
    let ids = || evidence.items().map(|item| &*item.id);
    let lowest = ids().map(without).min().flatten();
    let decisive: Vec<&str> = ids().filter(|id| without(id) == lowest).collect();
    let decisive = decisive.join(" or ");
    let weaker = match lowest {
        None => format!("would not alert without {decisive}"),
        Some(lowest) if lowest < tier => format!("would be {} without {decisive}", lowest.name()),
        Some(_) => format!("would be {} without any one item", tier.name()),
    };
    let lacking = Bits::new((tiers.high.as_f64() - evidence.total().as_f64()).max(0.0));
    let bits = lacking.as_f64();
    format!("{weaker}; would be high with {bits} bits of endpoint evidence")
}
