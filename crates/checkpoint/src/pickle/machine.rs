use std::collections::HashMap;

use super::global::{self, Global};
use super::heap::{Heap, Object};
use super::input::Input;
use super::numpy;
use super::rebuild;
use super::stack::Stack;
use super::value::Value;
use crate::refusal::Refusal;

/// How to come to the default protocol, checksums and no compression where torch reads the file.
pub(crate) const AGAIN: &str = "save it again as torch does by default, in Python, which runs code that lies in the file: python3 -c \"import torch; torch.save(torch.load('FILE', map_location='cpu', weights_only=False), 'weights.pt')\"";

/// How to come to the default protocol from 0, which torch writes and does not read.
pub(crate) const ANEW: &str = "torch does not load protocol 0: save it with the default protocol where it comes from: torch.save(model.state_dict(), 'weights.pt')";

/// A finished pickle.
#[derive(Debug)]
pub struct Pickle {
    /// Its objects.
    pub heap: Heap,
    /// What it is.
    pub root: Value,
    /// Bytes up to and with its STOP.
    pub length: usize,
}

/// Builds what the pickle (protocols 2 to 5) at the start of `bytes` describes. Nothing is called:
/// a global that is not on the closed list refuses the file and is named.
pub fn load(bytes: &[u8]) -> Result<Pickle, Refusal> {
    let mut machine = Machine {
        input: Input::new(bytes),
        heap: Heap::new(bytes.len()),
        stack: Stack::default(),
        memo: HashMap::new(),
    };
    loop {
        let at = machine.input.position();
        let done = machine.step();
        let within = |refusal: Refusal| match machine.entry() {
            Some(name) => refusal.within(format!("pickle byte {at}, entry `{name}`")),
            None => refusal.within(format!("pickle byte {at}")),
        };
        if let Some(root) = done.map_err(within)? {
            return Ok(Pickle {
                heap: machine.heap,
                root,
                length: machine.input.position(),
            });
        }
    }
}

struct Machine<'a> {
    input: Input<'a>,
    heap: Heap,
    stack: Stack,
    memo: HashMap<u32, Value>,
}

impl Machine<'_> {
    /// Runs one opcode; the root at STOP.
    fn step(&mut self) -> Result<Option<Value>, Refusal> {
        let opcode = self.input.u8()?;
        match opcode {
            0x80 => self.protocol()?,
            0x95 => drop(self.input.length(8)?), // FRAME
            b'.' => return self.stack.only().map(Some),
            b'(' => self.stack.mark()?,
            b'0' => self.stack.discard()?,
            b'1' => drop(self.stack.pop_to_mark()?),
            b'2' => self.stack.push(self.stack.top()?)?,
            b'N' => self.stack.push(Value::None)?,
            0x88 | 0x89 => self.stack.push(Value::Bool(opcode == 0x88))?,
            b'K' => self.stack.push(Value::Int(self.input.u8()?.into()))?,
            b'M' => self.stack.push(Value::Int(self.input.u16()?.into()))?,
            b'J' => self.stack.push(Value::Int(self.input.i32()?.into()))?,
            0x8a => self.long(1)?,
            0x8b => self.long(4)?,
            b'G' => self.float()?,
            0x8c => self.text(1)?,
            b'X' => self.text(4)?,
            0x8d => self.text(8)?,
            b'U' | b'C' => self.bytes(1)?,
            b'T' | b'B' => self.bytes(4)?,
            0x8e | 0x96 => self.bytes(8)?,
            b')' => self.build(Object::Tuple(Vec::new()))?,
            b']' => self.build(Object::List(Vec::new()))?,
            b'}' => self.build(Object::Dict(Vec::new()))?,
            0x8f => self.build(Object::Opaque("builtins.set"))?,
            b't' => self.gather(|all| Ok(Object::Tuple(all)))?,
            b'l' => self.gather(|all| Ok(Object::List(all)))?,
            b'd' => self.gather(|all| Ok(Object::Dict(pairs(all)?)))?,
            0x91 => self.gather(|_| Ok(Object::Opaque("builtins.frozenset")))?,
            0x85..=0x87 => self.short_tuple(usize::from(opcode - 0x84))?,
            b'a' => self.stack.pop().and_then(|item| self.append(vec![item]))?,
            b'e' => self.stack.pop_to_mark().and_then(|all| self.append(all))?,
            0x90 => self.add_items()?,
            b's' => self.set_item()?,
            b'u' => self.set_marked_items()?,
            b'q' => self
                .input
                .u8()
                .and_then(|slot| self.remember(slot.into()))?,
            b'r' => self.input.u32().and_then(|slot| self.remember(slot))?,
            0x94 => self.remember(self.memo.len() as u32)?,
            b'h' => self.input.u8().and_then(|slot| self.recall(slot.into()))?,
            b'j' => self.input.u32().and_then(|slot| self.recall(slot))?,
            b'c' => self.global_of_lines()?,
            0x93 => self.global_of_stack()?,
            b'Q' => self.persistent()?,
            b'R' | 0x81 => self.reduce()?,
            0x92 => self.stack.pop().and_then(|_| self.reduce())?, // NEWOBJ_EX: without the keywords
            b'b' => self.set_state()?,
            other => return Err(self.unsupported(other)),
        }
        Ok(None)
    }

    /// Protocols before 2 do not begin with their number, and only the first memoises with text.
    fn unsupported(&self, opcode: u8) -> Refusal {
        let reason = format!("opcode {opcode:#04x} is not supported");
        match (self.input.first(), opcode) {
            (Some(0x80), _) => Refusal::new(reason),
            (_, b'p') => Refusal::new(format!(
                "{reason}: a pickle of protocol 0, known are 2 to 5"
            ))
            .with_hint(ANEW),
            _ => Refusal::new(format!(
                "{reason}: a pickle of protocol 1, known are 2 to 5"
            ))
            .with_hint(AGAIN),
        }
    }

    /// The key whose value is being built, in the innermost dict that is.
    fn entry(&self) -> Option<&str> {
        let is_dict = |value: &Value| self.heap.dict(*value).is_some();
        self.stack.frames().find_map(|(below, values)| {
            let keys = match below.filter(is_dict) {
                Some(_) => values,
                // An only item is set without a MARK.
                None => values.get(values.iter().rposition(is_dict)? + 1..)?,
            };
            let keys = keys.iter().step_by(2).map(|key| self.heap.text(*key));
            keys.take_while(Option::is_some).flatten().last()
        })
    }

    fn protocol(&mut self) -> Result<(), Refusal> {
        match self.input.u8()? {
            2..=5 => Ok(()),
            other => Err(Refusal::new(format!(
                "pickle protocol {other}, known are 2 to 5"
            ))),
        }
    }

    fn build(&mut self, object: Object) -> Result<(), Refusal> {
        let value = self.heap.add(object)?;
        self.stack.push(value)
    }

    /// Builds an object of all that lies above the last MARK.
    fn gather(&mut self, of: fn(Vec<Value>) -> Result<Object, Refusal>) -> Result<(), Refusal> {
        let object = of(self.stack.pop_to_mark()?)?;
        self.build(object)
    }

    fn float(&mut self) -> Result<(), Refusal> {
        let number = self.input.f64()?;
        self.stack.push(Value::Float(number))
    }

    fn long(&mut self, width: usize) -> Result<(), Refusal> {
        match self.input.long(width)? {
            Some(number) => self.stack.push(Value::Int(number)),
            None => self.build(Object::Opaque("a large int")),
        }
    }

    fn text(&mut self, width: usize) -> Result<(), Refusal> {
        let text = self.input.text(width)?;
        self.build(Object::Text(text.into()))
    }

    fn bytes(&mut self, width: usize) -> Result<(), Refusal> {
        let bytes = self.input.bytes(width)?;
        self.build(numpy::bytes(bytes.iter().copied()))
    }

    fn short_tuple(&mut self, length: usize) -> Result<(), Refusal> {
        let mut items = Vec::with_capacity(length);
        for _ in 0..length {
            items.push(self.stack.pop()?);
        }
        items.reverse();
        self.build(Object::Tuple(items))
    }

    fn append(&mut self, items: Vec<Value>) -> Result<(), Refusal> {
        let list = self.stack.top()?;
        match self.heap.object_mut(list) {
            Some(Object::List(all)) => all.extend(items),
            Some(Object::Opaque(_)) => {}
            _ => return Err(Refusal::new(format!("appends to {}", self.heap.kind(list)))),
        }
        Ok(())
    }

    fn set_item(&mut self) -> Result<(), Refusal> {
        let value = self.stack.pop()?;
        let key = self.stack.pop()?;
        self.set_items(vec![(key, value)])
    }

    fn set_items(&mut self, items: Vec<(Value, Value)>) -> Result<(), Refusal> {
        let dict = self.stack.top()?;
        match self.heap.object_mut(dict) {
            Some(Object::Dict(all) | Object::Namespace(all)) => all.extend(items),
            Some(Object::Opaque(_)) => {}
            _ => {
                return Err(Refusal::new(format!(
                    "sets items of {}",
                    self.heap.kind(dict)
                )));
            }
        }
        Ok(())
    }

    fn set_marked_items(&mut self) -> Result<(), Refusal> {
        let items = pairs(self.stack.pop_to_mark()?)?;
        self.set_items(items)
    }

    /// ADDITEMS: only sets take any, and what is in them is of no interest.
    fn add_items(&mut self) -> Result<(), Refusal> {
        self.stack.pop_to_mark()?;
        let value = self.stack.top()?;
        match self.heap.object(value) {
            Some(Object::Opaque(_)) => Ok(()),
            _ => Err(Refusal::new(format!(
                "ADDITEMS on {}",
                self.heap.kind(value)
            ))),
        }
    }

    fn remember(&mut self, slot: u32) -> Result<(), Refusal> {
        let value = self.stack.top()?;
        self.memo.insert(slot, value);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<(), Refusal> {
        match self.memo.get(&slot) {
            Some(value) => self.stack.push(*value),
            None => Err(Refusal::new(format!("memo {slot} is empty"))),
        }
    }

    fn global_of_lines(&mut self) -> Result<(), Refusal> {
        let module = self.input.line()?;
        let name = self.input.line()?;
        self.global(&module, &name)
    }

    fn global_of_stack(&mut self) -> Result<(), Refusal> {
        let (name, module) = (self.stack.pop()?, self.stack.pop()?);
        let text = |value| self.heap.text(value).map(str::to_string);
        match (text(module), text(name)) {
            (Some(module), Some(name)) => self.global(&module, &name),
            _ => Err(Refusal::new("a global without a name")),
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), Refusal> {
        let full = format!("{module}.{name}");
        match (Global::named(&full), global::unread(&full)) {
            (Some(global), _) => self.stack.push(Value::Global(global)),
            (None, Some(what)) => Err(Refusal::new(format!("holds {what} ({full}), which is not read"))
                .with_hint("weights are plain tensors of F32, F16 or BF16: convert it where the file comes from (`.to_dense()`, `.dequantize()`, `.float()`) and save the state_dict")),
            (None, None) => Err(Refusal::new(format!("asks for the forbidden global {full}; nothing of it was run"))
                .with_hint("the file may be malicious. If you trust it, load it where it comes from and save its state_dict alone, best as safetensors")),
        }
    }

    fn persistent(&mut self) -> Result<(), Refusal> {
        let id = self.stack.pop()?;
        let storage = rebuild::storage(&self.heap, id)?;
        self.build(Object::Storage(storage))
    }

    /// REDUCE and NEWOBJ: the value that a call of an allowed global would give.
    fn reduce(&mut self) -> Result<(), Refusal> {
        let arguments = self.stack.pop()?;
        let called = self.stack.pop()?;
        if let Value::Global(Global::Rebuild(function)) = called {
            let tensor = rebuild::call(&mut self.heap, function, arguments)?;
            return self.stack.push(tensor);
        }
        let arguments = self.heap.tuple(arguments);
        let arguments = arguments.ok_or_else(|| Refusal::new("a call without arguments"))?;
        let object = match called {
            Value::Global(Global::OrderedDict) => {
                Object::Dict(rebuild::entries(&self.heap, arguments)?)
            }
            // Its items come after the call.
            Value::Global(Global::DefaultDict) => Object::Dict(Vec::new()),
            // What it is called with, it is given again as its state or items.
            Value::Global(Global::Namespace) => Object::Namespace(Vec::new()),
            Value::Global(Global::Wrapper(attribute)) => Object::Wrapper(attribute, None),
            Value::Global(Global::NumpyType) => numpy::numpy_type(&self.heap, arguments),
            Value::Global(Global::NumpyScalar) => {
                match numpy::numpy_scalar(&self.heap, arguments) {
                    Some(number) => return self.stack.push(number),
                    None => Object::Opaque("a numpy scalar"),
                }
            }
            Value::Global(Global::Encode) => numpy::encoded(&self.heap, arguments),
            Value::Global(Global::Inert(name)) => Object::Opaque(name),
            other => return Err(Refusal::new(format!("calls {}", self.heap.kind(other)))),
        };
        self.build(object)
    }

    /// BUILD sets attributes, like an OrderedDict's `_metadata`: nothing here has any but namespaces, wrappers and the
    /// types of numbers, whose byte order it is.
    fn set_state(&mut self) -> Result<(), Refusal> {
        let state = self.stack.pop()?;
        let value = self.stack.top()?;
        if let Some(Object::Namespace(_)) = self.heap.object(value) {
            return self.heap.fill_namespace(value, state);
        }
        if let Some(Object::Wrapper(..)) = self.heap.object(value) {
            self.heap.fill_wrapper(value, state);
            return Ok(());
        }
        let big_endian = numpy::byte_order(&self.heap, state) == Some(">");
        match self.heap.object_mut(value) {
            Some(Object::NumberType(class)) => {
                class.big_endian = big_endian;
                Ok(())
            }
            Some(Object::Dict(_) | Object::Opaque(_)) => Ok(()),
            _ => Err(Refusal::new(format!(
                "sets the state of {}",
                self.heap.kind(value)
            ))),
        }
    }
}

fn pairs(items: Vec<Value>) -> Result<Vec<(Value, Value)>, Refusal> {
    let (pairs, rest) = items.as_chunks::<2>();
    match rest {
        [] => Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect()),
        _ => Err(Refusal::new("a key without a value")),
    }
}

#[cfg(test)]
mod tests;
