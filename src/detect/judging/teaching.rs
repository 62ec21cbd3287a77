//! From flows whose process an agent names surely to what programs look like, and from that to the
//! likely program behind flows of hosts without an agent.

use super::attributing::{Attributing, Ended};
use crate::detect::behind;
use crate::detect::called::Called;
use crate::detect::client::ClientClass;
use crate::detect::engine::{Engine, Now};
use crate::detect::programs;
use crate::detect::settings::Settings;
use crate::detect::taught::{self, Features, Lesson};
use crate::endpoint::attribution::Key;
use crate::endpoint::{Attribution, Status};
use crate::limits::Limits;
use crate::net::Uid;
use crate::observe::FlowId;
use crate::time::Timestamp;

/// An attribution as sure as this teaches what the program's flows look like.
const TEACHES_MIN: f64 = 0.85;

impl Attributing {
    /// What a flow that is over showed of its program, until that is told or an hour has passed.
    pub fn features(&self, uid: &Uid) -> Option<&Features> {
        self.shown.get(uid)
    }

    /// What is known of a flow that is over teaches what its program looks like; where nothing is,
    /// its program may be inferred.
    pub(super) fn teach_or_infer(
        &mut self,
        limits: &Limits,
        (due, ended): (Timestamp, Ended),
        attribution: Attribution,
    ) -> Attribution {
        let Ended { flow, class } = ended;
        let Some(features) = self.shown.get(&flow.uid).cloned() else {
            return attribution;
        };
        let max = limits.taught_max;
        if attribution.status == Status::Unobservable {
            let host = flow.originator.addr;
            let named = self.taught.handle_stranger(host, &features, due, max);
            return named.as_ref().map_or(attribution, taught::attribution);
        }
        if let Some(agent) = self.teacher(&flow, &attribution, class) {
            let process = attribution.process.as_ref();
            if let Some(program) = process.and_then(taught::program) {
                let lesson = Lesson { program, features };
                self.taught.learn(&agent, lesson, due, max);
            }
            // A flow teaches once.
            self.shown.remove(&flow.uid);
        }
        attribution
    }

    /// The agent whose word on the flow is sure enough to teach: it names a program exactly, speaks
    /// for the host that opened the flow, and the flow's hello does not contradict it.
    fn teacher(
        &self,
        flow: &FlowId,
        attribution: &Attribution,
        class: ClientClass,
    ) -> Option<Box<str>> {
        let process = behind::named(attribution)?;
        let agent = attribution.agent.as_deref()?;
        let own = self.join.agent_of(flow.originator.addr, flow.first_at) == Some(agent);
        let sure = attribution.key == Some(Key::Tuple) && attribution.confidence >= TEACHES_MIN;
        let teaches = own && sure && programs::other_client(process, class).is_none();
        teaches.then(|| agent.into())
    }

    /// The process behind a flow that may not be over, with what it calls and has shown so far.
    pub(super) fn attribution(
        &mut self,
        settings: &Settings,
        (flow, called): (&FlowId, &Called),
        at: Timestamp,
    ) -> Attribution {
        let Some(lag) = settings.attribution_lag() else {
            return Attribution::without(Status::Unobservable);
        };
        let attribution = self.join.attribution(flow, at, lag);
        if attribution.status != Status::Unobservable || !settings.infers() {
            return attribution;
        }
        let features = Features::of(settings, flow, called);
        let named = features.and_then(|features| self.taught.infer(&features));
        named.as_ref().map_or(attribution, taught::attribution)
    }
}

impl Engine {
    /// A flow is over: what it showed of its program is kept until that is told.
    pub(super) fn keep_features(&mut self, now: Now<'_>, called: &Called) {
        if !now.settings.infers() {
            return;
        }
        if let Some(features) = Features::of(now.settings, now.flow, called) {
            let max = now.limits.attributed_flows_max;
            let shown = &mut self.attributing.shown;
            shown.insert(now.flow.uid, now.at, features, max);
        }
    }
}
