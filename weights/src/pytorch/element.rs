//! Element types by the names that PyTorch gives them.

use safetensors::Dtype;

use super::super::view::Element;

/// Element type of a storage class, or of a `dtype` of a tensor whose storage has none.
pub(super) fn element(class: &str) -> Option<Element> {
    dtype(class).and_then(Element::of)
}

/// True if the elements can be weights.
pub(super) fn is_float(class: &str) -> bool {
    matches!(element(class), Some(Element::Float(_)))
}

/// Size of an element in bytes.
pub(super) fn width(class: &str) -> Option<u64> {
    Some(match class {
        "QInt8Storage" | "QUInt8Storage" | "UntypedStorage" => 1,
        "QInt32Storage" => 4,
        "ComplexDoubleStorage" => 16,
        other => dtype(other)?.bitsize() as u64 / 8,
    })
}

fn dtype(class: &str) -> Option<Dtype> {
    Some(match class {
        "DoubleStorage" | "float64" => Dtype::F64,
        "FloatStorage" | "float32" => Dtype::F32,
        "HalfStorage" | "float16" => Dtype::F16,
        "BFloat16Storage" | "bfloat16" => Dtype::BF16,
        "LongStorage" | "int64" => Dtype::I64,
        "IntStorage" | "int32" => Dtype::I32,
        "ShortStorage" | "int16" => Dtype::I16,
        "CharStorage" | "int8" => Dtype::I8,
        "ByteStorage" | "uint8" => Dtype::U8,
        "BoolStorage" | "bool" => Dtype::BOOL,
        "ComplexFloatStorage" | "complex64" => Dtype::C64,
        "uint16" => Dtype::U16,
        "uint32" => Dtype::U32,
        "uint64" => Dtype::U64,
        "float8_e5m2" => Dtype::F8_E5M2,
        "float8_e4m3fn" => Dtype::F8_E4M3,
        "float8_e8m0fnu" => Dtype::F8_E8M0,
        "float8_e5m2fnuz" => Dtype::F8_E5M2FNUZ,
        "float8_e4m3fnuz" => Dtype::F8_E4M3FNUZ,
        _ => return None,
    })
}
