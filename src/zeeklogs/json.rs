//! From a line of JSON to the cells of the wanted columns.

use super::Kind;
use super::cells::{COLUMNS, Cell};
use serde_json::{Map, Value};

/// The wanted cells, and the keys that are not known.
pub fn cells(kind: Kind, line: &[u8]) -> Result<(Vec<Cell>, Vec<String>), String> {
    let object: Map<String, Value> =
        serde_json::from_slice(line).map_err(|error| format!("no JSON object: {error}"))?;
    let mut cells = vec![Cell::Unset; kind.wanted().len()];
    let mut unknown = Vec::new();
    for (key, value) in object.into_iter().take(COLUMNS) {
        match value {
            // Some exports nest: {"id": {"orig_h": ...}}.
            Value::Object(inner) => {
                for (within, value) in inner.into_iter().take(COLUMNS) {
                    put(
                        kind,
                        &format!("{key}.{within}"),
                        value,
                        &mut cells,
                        &mut unknown,
                    );
                }
            }
            value => put(kind, &key, value, &mut cells, &mut unknown),
        }
    }
    Ok((cells, unknown))
}

fn put(kind: Kind, key: &str, value: Value, cells: &mut [Cell], unknown: &mut Vec<String>) {
    match kind
        .slot(key.as_bytes())
        .and_then(|slot| cells.get_mut(slot))
    {
        Some(cell) => *cell = of(value),
        None if kind.knows(key.as_bytes()) => {}
        None => unknown.push(key.to_owned()),
    }
}

fn of(value: Value) -> Cell {
    match value {
        Value::Array(elements) => Cell::List(elements.into_iter().filter_map(scalar).collect()),
        value => scalar(value).map_or(Cell::Unset, Cell::Text),
    }
}

fn scalar(value: Value) -> Option<Vec<u8>> {
    Some(match value {
        Value::Bool(true) => b"T".to_vec(),
        Value::Bool(false) => b"F".to_vec(),
        Value::Number(number) => number.to_string().into_bytes(),
        Value::String(text) => text.into_bytes(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    })
}
