//! The results of the few calls that a pickle may ask for.

use std::rc::Rc;

use super::global::Global;
use super::heap::{Heap, Object, Storage, TensorView};
use super::value::Value;
use crate::refusal::Refusal;

/// More axes than any layer's weight has.
const MAX_RANK: usize = 16;

/// The storage of a persistent id: `("storage", type, key, location, length)`, and in the older
/// format a sixth element, None unless the storage is a view of another.
pub(super) fn storage(heap: &Heap, id: Value) -> Result<Storage, Refusal> {
    let wrong = || Refusal::new("a persistent id that is no storage");
    let (kind, class, key, length) = match heap.tuple(id).ok_or_else(wrong)? {
        [kind, class, key, _, length] | [kind, class, key, _, length, Value::None] => {
            (*kind, *class, *key, *length)
        }
        _ => return Err(wrong()),
    };
    match (heap.text(kind), class, heap.object(key)) {
        (Some("storage"), Value::Global(Global::Storage(dtype)), Some(Object::Text(key))) => {
            Ok(Storage {
                key: Rc::clone(key),
                dtype,
                length: natural(length)?,
            })
        }
        _ => Err(wrong()),
    }
}

/// The tensor of `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)`.
pub(super) fn tensor(heap: &Heap, arguments: &[Value]) -> Result<TensorView, Refusal> {
    let wrong = || Refusal::new("a tensor with unknown arguments");
    let [storage, offset, size, stride, ..] = arguments else {
        return Err(wrong());
    };
    let Some(Object::Storage(storage)) = heap.object(*storage) else {
        return Err(wrong());
    };
    let axes = |value: &Value| -> Result<Vec<usize>, Refusal> {
        let axes = heap.tuple(*value).ok_or_else(wrong)?;
        axes.iter().map(|axis| natural(*axis)).collect()
    };
    view(storage, natural(*offset)?, axes(size)?, axes(stride)?)
}

fn view(
    storage: &Storage,
    offset: usize,
    shape: Vec<usize>,
    mut stride: Vec<usize>,
) -> Result<TensorView, Refusal> {
    if shape.len() != stride.len() || shape.len() > MAX_RANK {
        return Err(Refusal::new(
            "a tensor whose sizes and strides do not belong together",
        ));
    }
    for (step, length) in stride.iter_mut().zip(&shape) {
        if *length < 2 {
            *step = 0;
        }
    }
    let count = shape
        .iter()
        .try_fold(1_usize, |n, axis| n.checked_mul(*axis));
    let last = shape
        .iter()
        .zip(&stride)
        .try_fold(offset, |at, (length, step)| {
            at.checked_add(length.saturating_sub(1).checked_mul(*step)?)
        });
    let inside = match (count, last) {
        (Some(0), _) => true,
        (Some(_), Some(last)) => last < storage.length,
        _ => false,
    };
    if !inside {
        return Err(Refusal::new(format!(
            "a tensor {shape:?} with strides {stride:?} at {offset} reaches beyond its storage {} of {} elements",
            storage.key, storage.length
        )));
    }
    Ok(TensorView {
        storage: storage.clone(),
        offset,
        shape,
        stride,
    })
}

/// The entries of `OrderedDict()` or `OrderedDict([[key, value], …])`.
pub(super) fn entries(heap: &Heap, arguments: &[Value]) -> Result<Vec<(Value, Value)>, Refusal> {
    let wrong = || Refusal::new("an OrderedDict with unknown arguments");
    let items = match arguments {
        [] => return Ok(Vec::new()),
        [items] => heap.list(*items).ok_or_else(wrong)?,
        _ => return Err(wrong()),
    };
    let pair = |item: &Value| match heap.list(*item).or_else(|| heap.tuple(*item)) {
        Some([key, value]) => Ok((*key, *value)),
        _ => Err(wrong()),
    };
    items.iter().map(pair).collect()
}

fn natural(value: Value) -> Result<usize, Refusal> {
    let number = match value {
        Value::Int(number) => usize::try_from(number).ok(),
        _ => None,
    };
    number.ok_or_else(|| Refusal::new("a size, stride or offset that is no natural number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;

    fn storage_of(length: usize) -> Storage {
        Storage {
            key: "0".into(),
            dtype: Dtype::F32,
            length,
        }
    }

    #[test]
    fn a_view_inside_its_storage_is_a_tensor_and_any_other_is_refused() {
        let storage = storage_of(24);
        assert!(view(&storage, 0, vec![6, 4], vec![4, 1]).is_ok());
        assert!(view(&storage, 23, vec![], vec![]).is_ok());
        assert!(view(&storage, 0, vec![1_000_000], vec![0]).is_ok());
        assert!(view(&storage, 99, vec![0, 4], vec![4, 1]).is_ok());
        assert!(view(&storage, 0, vec![1, 24], vec![usize::MAX, 1]).is_ok());
        for (offset, shape, stride) in [
            (1, vec![6, 4], vec![4, 1]),
            (24, vec![], vec![]),
            (0, vec![6, 4], vec![1]),
            (0, vec![2], vec![usize::MAX]),
            (usize::MAX, vec![2], vec![1]),
            (0, vec![usize::MAX, usize::MAX], vec![0, 0]),
        ] {
            let error = view(&storage, offset, shape.clone(), stride).unwrap_err();
            assert!(error.to_string().contains("tensor"), "{shape:?}: {error}");
        }
    }

    #[test]
    fn the_opened_list_form_of_an_ordered_dict_is_understood() {
        let mut heap = Heap::new(100);
        let pair = heap.add(Object::List(vec![Value::Int(1), Value::Int(2)]));
        let pair = pair.unwrap();
        let items = heap.add(Object::List(vec![pair])).unwrap();
        assert_eq!(
            entries(&heap, &[items]).unwrap(),
            [(Value::Int(1), Value::Int(2))]
        );
        assert!(entries(&heap, &[pair]).is_err());
    }
}
