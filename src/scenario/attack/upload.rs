//! From a hoard of files to the flows that carry it off.

use super::{infected, invented, variant};
use crate::scenario::call::{Call, hostile, server};
use crate::scenario::cast::{Analytic, Cast};
use crate::scenario::host::Role;
use crate::scenario::random::{Random, seconds};
use crate::scenario::script::{Close, Turn};
use crate::scenario::stack::Stack;
use crate::scenario::when::When;
use crate::time::Span;
use serde_json::json;

/// How it goes: flows, a server with a certificate of its own, a service instead of a server.
#[derive(Clone, Copy)]
enum Way {
    OneFlow,
    Chunked,
    OwnCertificate,
    Service,
}

const WAYS: &[(&str, Way)] = &[
    ("one-flow", Way::OneFlow),
    ("chunked", Way::Chunked),
    ("own-certificate", Way::OwnCertificate),
    ("file-service", Way::Service),
];

/// Macs.
pub fn an1415(cast: &mut Cast<'_>) {
    for (number, turn) in infected(cast, |role| role == Role::Macs) {
        let (kind, way) = *variant(cast, turn, WAYS);
        let drawn = cast.random.log_uniform(60.0, 400.0);
        let megabytes = cast.options.sweep.upload_mb.unwrap_or(drawn);
        let flows = match way {
            Way::Chunked => cast.random.between(3, 10),
            _ => 1,
        };
        let name = match way {
            Way::Service => {
                let services = ["upload.gofile.io", "transfer.sh", "file.io"];
                services[cast.random.below(3) as usize].to_string()
            }
            _ => invented(&mut cast.random),
        };
        let stacks = [Stack::Curl, Stack::Python, Stack::Go, Stack::Apple];
        let stack = stacks[cast.random.below(4) as usize];
        let rate = cast.random.log_uniform(8.0, 80.0);
        let parameters = json!({
            "variant": kind, "upload_mb": megabytes, "flows": flows, "destination": name,
            "client": stack.name(), "megabits": rate,
        });
        let act = move |random: &mut Random, _| {
            let target = match way {
                Way::Service => server(&name),
                _ => hostile(&name),
            };
            let share = (megabytes * 1e6 / flows as f64) as u64;
            let mut after = 0.0;
            let mut calls = Vec::new();
            for _ in 0..flows {
                let call = Call::new(target.clone(), stack).after(after);
                let call = match way {
                    Way::OwnCertificate => call.tls12().self_signed(),
                    _ => call,
                };
                let upload = Turn::ask(Span::ZERO, share, Span::from_millis(200), 380);
                calls.push(call.turn(upload).close(Close::Notify).megabits(rate));
                after += share as f64 * 8e-6 / rate + random.uniform(2.0, 60.0);
            }
            calls
        };
        let moment = cast.onset() + seconds(cast.random.uniform(60.0, 3600.0));
        let when = When::At([moment].into());
        cast.hostile(
            number,
            "an1415.upload",
            Analytic::AN1415,
            when,
            parameters,
            act,
        );
    }
}
