use super::value::Value;
use crate::refusal::Refusal;

/// More values or marks than this are no checkpoint.
const MOST: usize = 4_000_000;

/// The values that the machine works on. What lies below an open MARK is out of reach.
#[derive(Default)]
pub(super) struct Stack {
    values: Vec<Value>,
    /// Heights at the open MARKs.
    marks: Vec<usize>,
}

impl Stack {
    pub(super) fn push(&mut self, value: Value) -> Result<(), Refusal> {
        if self.values.len() >= MOST {
            return Err(Refusal::new("the pickle's stack grows without end"));
        }
        self.values.push(value);
        Ok(())
    }

    pub(super) fn top(&self) -> Result<Value, Refusal> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let value = self.values[floor..].last().copied();
        value.ok_or_else(|| Refusal::new("the pickle takes more from its stack than is there"))
    }

    pub(super) fn pop(&mut self) -> Result<Value, Refusal> {
        let value = self.top()?;
        self.values.pop();
        Ok(value)
    }

    pub(super) fn mark(&mut self) -> Result<(), Refusal> {
        if self.marks.len() >= MOST {
            return Err(Refusal::new("the pickle's stack grows without end"));
        }
        self.marks.push(self.values.len());
        Ok(())
    }

    pub(super) fn pop_to_mark(&mut self) -> Result<Vec<Value>, Refusal> {
        let floor = self.marks.pop();
        let floor = floor.ok_or_else(|| Refusal::new("the pickle lacks a MARK"))?;
        Ok(self.values.split_off(floor))
    }

    /// POP takes a value, or a MARK that nothing stands on.
    pub(super) fn discard(&mut self) -> Result<(), Refusal> {
        if self.marks.last() == Some(&self.values.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(|_| ())
    }

    /// What stands between the MARKs, from the top down: a value below a MARK, and the values above it up to the next.
    pub(super) fn frames(&self) -> impl Iterator<Item = (Option<Value>, &[Value])> {
        let ends = self
            .marks
            .iter()
            .skip(1)
            .chain([&self.values.len()])
            .copied()
            .collect::<Vec<_>>();
        let bounds = self.marks.iter().copied().zip(ends).rev();
        let framed = bounds.map(|(start, end)| {
            let below = start.checked_sub(1).map(|at| self.values[at]);
            (below, &self.values[start..end])
        });
        let bottom = self.marks.first().copied().unwrap_or(self.values.len());
        framed.chain([(None, &self.values[..bottom])])
    }

    /// The one value that a whole pickle leaves.
    pub(super) fn only(&self) -> Result<Value, Refusal> {
        match (self.values.as_slice(), self.marks.as_slice()) {
            ([root], []) => Ok(*root),
            _ => Err(Refusal::new(
                "the pickle ends with more or less than one object",
            )),
        }
    }
}
