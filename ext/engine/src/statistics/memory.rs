//! The numbers of the document before.

use std::collections::HashMap;
use std::fmt;

/// Which document this is, and when it came.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) round: u64,
    pub(super) at_ms: u64,
}

/// An object of the document.
#[derive(Default)]
pub(super) struct Node {
    seen: u64,
    numbers: HashMap<Box<str>, Remembered>,
    children: HashMap<Box<str>, Node>,
}

struct Remembered {
    number: Number,
    changed_at_ms: u64,
    seen: u64,
}

/// What JSON calls a number.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    fn minus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Self::Integer(a - b),
            (a, b) => Self::Float(a.float() - b.float()),
        }
    }

    #[allow(clippy::cast_precision_loss)] // Of a number that changed its kind there is nothing better.
    fn float(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(integer) => write!(f, "{integer}"),
            Self::Float(float) => write!(f, "{float:?}"),
        }
    }
}

impl Node {
    /// Begins with an object. Forgets what the document before did not have.
    pub(super) fn visit(&mut self, moment: Moment) -> &mut Self {
        if self.seen + 1 != moment.round {
            self.numbers.clear();
            self.children.clear();
        }
        self.seen = moment.round;
        self.numbers.retain(|_, n| n.seen + 1 == moment.round);
        self.children.retain(|_, n| n.seen + 1 == moment.round);
        self
    }

    /// The object of that name in this one.
    pub(super) fn child(&mut self, name: &str, moment: Moment) -> &mut Self {
        if !self.children.contains_key(name) {
            self.children.insert(name.into(), Self { seen: moment.round - 1, ..Self::default() });
        }
        // It was put there if it was not.
        self.children.entry(name.into()).or_default().visit(moment)
    }

    /// The change of a number and the milliseconds since it last did.
    pub(super) fn remember(&mut self, name: &str, number: Number, moment: Moment) -> (Number, u64) {
        let Some(last) = self.numbers.get_mut(name) else {
            let remembered = Remembered { number, changed_at_ms: moment.at_ms, seen: moment.round };
            self.numbers.insert(name.into(), remembered);
            return (number.minus(number), 0);
        };
        let change = number.minus(last.number);
        if number != last.number {
            last.changed_at_ms = moment.at_ms;
        }
        last.number = number;
        last.seen = moment.round;
        (change, moment.at_ms - last.changed_at_ms)
    }
}
