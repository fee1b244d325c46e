//! Pickles from scratch: programs that a machine carries out to the end, or nearly.

use pipeline_random::Draws;

use crate::bytes::{border, pick};

/// Texts that mean something to the reader.
pub const TEXTS: &[&str] = &[
    "",
    "a",
    "weight",
    "weight",
    "bias",
    "0",
    "1",
    "2",
    "storage",
    "cpu",
    "state_dict",
    "model_state_dict",
    "model",
    "optimizer",
    "optimizer_states",
    "state",
    "param_groups",
    "params",
    "exp_avg",
    "exp_avg_sq",
    "momentum_buffer",
    "little_endian",
    "torch",
    "collections",
    "OrderedDict",
    "_metadata",
    "\u{1F980}",
];

const GLOBALS: &[&str] = &[
    "collections\nOrderedDict",
    "collections\nOrderedDict",
    "torch._utils\n_rebuild_tensor_v2",
    "torch._utils\n_rebuild_parameter",
    "torch\nFloatStorage",
    "torch\nHalfStorage",
    "torch\nDoubleStorage",
    "torch\nBoolStorage",
    "torch\nLongStorage",
    "builtins\nset",
    "_codecs\nencode",
    "torch\nSize",
    "posix\nsystem",
    "\n",
];

/// Opcodes without an argument.
const PLAIN: &[u8] = b".(012N)]}tldaesuQRb\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94";

/// One opcode with an argument that fits.
pub fn opcode(draws: &mut Draws) -> Vec<u8> {
    match draws.below(8) {
        0 => vec![b'h', draws.below(24) as u8],
        1 => vec![b'q', draws.below(24) as u8],
        2 => number(border(draws, 64) as i64),
        3 => text(pick(draws, TEXTS)),
        4 => global(draws),
        _ => vec![pick(draws, PLAIN)],
    }
}

pub fn text(text: &str) -> Vec<u8> {
    [
        b"X",
        &(text.len() as u32).to_le_bytes()[..],
        text.as_bytes(),
    ]
    .concat()
}

pub fn number(number: i64) -> Vec<u8> {
    match u8::try_from(number) {
        Ok(small) => vec![b'K', small],
        Err(_) => [b"\x8a\x08", &number.to_le_bytes()[..]].concat(),
    }
}

pub fn global(draws: &mut Draws) -> Vec<u8> {
    format!("c{}\n", pick(draws, GLOBALS)).into_bytes()
}

/// A whole pickle: a dict in one of the layouts of a checkpoint, with anything in it.
pub fn whole(draws: &mut Draws) -> Vec<u8> {
    let tensors = entries(draws, tensor);
    let state_dict = match draws.below(3) {
        0 => [b"}".to_vec(), marked(&tensors, b'u')].concat(),
        1 => [
            b"ccollections\nOrderedDict\n)R".to_vec(),
            marked(&tensors, b'u'),
        ]
        .concat(),
        _ => value(draws, 4),
    };
    let mut root = b"\x80\x02".to_vec();
    if draws.below(3) == 0 {
        root.extend(state_dict);
    } else {
        let key = pick(draws, &["state_dict", "model_state_dict", "model", "other"]);
        let mut members = [text(key), state_dict].concat();
        if draws.below(2) == 0 {
            members.extend(optimizer(draws));
        }
        members.extend(entries(draws, |draws| value(draws, 2)));
        root.extend([b"}".to_vec(), marked(&members, b'u')].concat());
    }
    root.push(b'.');
    root
}

/// A key and an optimizer's state under it, as torch and Lightning write them.
fn optimizer(draws: &mut Draws) -> Vec<u8> {
    let count = draws.below(4);
    let moments = |draws: &mut Draws| {
        let members = [text("exp_avg"), tensor(draws)].concat();
        [b"}".to_vec(), marked(&members, b'u')].concat()
    };
    let states: Vec<u8> = (0..count)
        .flat_map(|index| [number(index as i64), moments(draws)].concat())
        .collect();
    let numbers: Vec<u8> = (0..count).flat_map(|index| number(index as i64)).collect();
    let group = [
        b"}".to_vec(),
        text("params"),
        b"]".to_vec(),
        marked(&numbers, b'e'),
        b"s".to_vec(),
    ];
    let state = [
        text("state"),
        b"}".to_vec(),
        marked(&states, b'u'),
        text("param_groups"),
        b"]".to_vec(),
        group.concat(),
        b"a".to_vec(),
    ];
    let dict = [b"}".to_vec(), marked(&state.concat(), b'u')].concat();
    match draws.below(2) {
        0 => [text("optimizer"), dict].concat(),
        _ => [text("optimizer_states"), b"]".to_vec(), dict, b"a".to_vec()].concat(),
    }
}

/// What leaves exactly one value on the stack.
pub fn value(draws: &mut Draws, depth: usize) -> Vec<u8> {
    if depth == 0 || draws.below(4) == 0 {
        return match draws.below(6) {
            0 => number(draws.below(8) as i64),
            1 => number(border(draws, 64) as i64),
            2 => vec![pick(draws, b"N\x88\x89)]}\x8f")],
            3 => vec![b'h', draws.below(24) as u8],
            4 => global(draws),
            _ => text(pick(draws, TEXTS)),
        };
    }
    let many = |draws: &mut Draws| -> Vec<u8> {
        let count = draws.below(5);
        (0..count).flat_map(|_| value(draws, depth - 1)).collect()
    };
    match draws.below(11) {
        0 => marked(&many(draws), b't'),
        1 => [b"]".to_vec(), marked(&many(draws), b'e')].concat(),
        2 => {
            let members = entries(draws, |draws| value(draws, depth - 1));
            [b"}".to_vec(), marked(&members, b'u')].concat()
        }
        3 => {
            let pairs = entries(draws, |draws| value(draws, depth - 1));
            marked(&pairs, b'd')
        }
        4 => [value(draws, depth - 1), vec![b'q', draws.below(24) as u8]].concat(),
        5 => [value(draws, depth - 1), vec![0x94]].concat(),
        6 => [global(draws), marked(&many(draws), b't'), vec![b'R']].concat(),
        7 => {
            let pair = [value(draws, 0), value(draws, depth - 1), vec![0x86]].concat();
            let count = draws.below(4) as usize;
            let list = [b"]".to_vec(), marked(&pair.repeat(count), b'e')].concat();
            [&b"ccollections\nOrderedDict\n"[..], &list, b"\x85R"].concat()
        }
        8 => [value(draws, depth - 1), value(draws, depth - 1), vec![b'b']].concat(),
        _ => tensor(draws),
    }
}

/// Keys and values one after the other.
fn entries(draws: &mut Draws, mut value: impl FnMut(&mut Draws) -> Vec<u8>) -> Vec<u8> {
    let count = draws.below(5);
    let mut members = Vec::new();
    for index in 0..count {
        match draws.below(4) {
            0 => members.extend(text(pick(draws, TEXTS))),
            _ => members.extend(text(&format!("layer.{index}"))),
        }
        members.extend(value(draws));
    }
    members
}

fn marked(items: &[u8], close: u8) -> Vec<u8> {
    [b"(", items, &[close]].concat()
}

/// A tensor on one of the first storages, most often inside it.
fn tensor(draws: &mut Draws) -> Vec<u8> {
    let class = pick(
        draws,
        &[
            "Float", "Float", "Float", "Half", "BFloat16", "Double", "Long", "Bool",
        ],
    );
    let length = match draws.below(4) {
        0 => small(draws),
        _ => pick(draws, &[8, 12, 16, 20, 96]),
    };
    let storage = [
        text("storage"),
        format!("ctorch\n{class}Storage\n").into_bytes(),
        text(&draws.below(4).to_string()),
        text("cpu"),
        number(length),
    ];
    let rank = draws.below(4);
    let axes = |draws: &mut Draws| -> Vec<u8> {
        let axes: Vec<u8> = (0..rank).flat_map(|_| number(small(draws))).collect();
        marked(&axes, b't')
    };
    let arguments = [
        marked(&storage.concat(), b't'),
        b"Q".to_vec(),
        number(small(draws)),
        axes(draws),
        axes(draws),
        b"\x89)".to_vec(),
    ];
    let tensor = [
        b"ctorch._utils\n_rebuild_tensor_v2\n".to_vec(),
        marked(&arguments.concat(), b't'),
        b"R".to_vec(),
    ];
    tensor.concat()
}

/// A length, offset or stride: small, now and then at a border.
fn small(draws: &mut Draws) -> i64 {
    match draws.below(12) {
        0 => border(draws, 64) as i64,
        _ => draws.below(6) as i64,
    }
}
