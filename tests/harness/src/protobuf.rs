//! Messages of protocol buffers without their schemas: fields by their numbers.

use anyhow::{Context, Result, bail};

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub struct Field<'m> {
    pub number: u64,
    /// The bytes, text or message of the field; empty for a number.
    pub value: &'m [u8],
    /// The whole field, with its number.
    encoded: &'m [u8],
}

/// Returns the fields of a message, in their order.
pub fn fields(message: &[u8]) -> Result<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let before = rest;
        let tag = varint(&mut rest)?;
        let value = match tag & 7 {
            0 => {
                varint(&mut rest)?;
                &[]
            }
            1 => skip(&mut rest, 8)?,
            2 => {
                let length = usize::try_from(varint(&mut rest)?)?;
                skip(&mut rest, length)?
            }
            5 => skip(&mut rest, 4)?,
            other => bail!("a field of the unknown wire type {other}"),
        };
        let (encoded, _) = before.split_at(before.len() - rest.len());
        fields.push(Field { number: tag >> 3, value, encoded });
    }
    Ok(fields)
}

/// Returns the values of the field `number`, which can be repeated.
pub fn values(message: &[u8], number: u64) -> Result<impl Iterator<Item = &[u8]>> {
    Ok(fields(message)?.into_iter().filter(move |field| field.number == number).map(|field| field.value))
}

/// Returns the value at a path of fields; empty if the message has none.
pub fn value<'m>(message: &'m [u8], path: &[u64]) -> Result<&'m [u8]> {
    path.iter().try_fold(message, |message, number| Ok(values(message, *number)?.last().unwrap_or_default()))
}

/// Returns the text at a path of fields.
pub fn text(message: &[u8], path: &[u64]) -> Result<String> {
    Ok(String::from_utf8_lossy(value(message, path)?).into_owned())
}

/// Returns the message without the field `number`.
pub fn without(message: &[u8], number: u64) -> Result<Vec<u8>> {
    let others = fields(message)?.into_iter().filter(|field| field.number != number);
    Ok(others.flat_map(|field| field.encoded).copied().collect())
}

/// Encodes a field with bytes.
pub fn field(number: u8, value: &[u8]) -> Result<Vec<u8>> {
    let mut length = u32::try_from(value.len())?;
    let mut field = vec![(number << 3) | 2];
    while length >= 0x80 {
        field.push(u8::try_from(length & 0x7f)? | 0x80);
        length >>= 7;
    }
    field.push(u8::try_from(length)?);
    Ok([&field, value].concat())
}

fn varint(rest: &mut &[u8]) -> Result<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first().context("a number is cut off")?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    bail!("a number has more than 64 bits")
}

fn skip<'m>(rest: &mut &'m [u8], length: usize) -> Result<&'m [u8]> {
    let (value, after) = rest.split_at_checked(length).context("a field is cut off")?;
    *rest = after;
    Ok(value)
}
