/// Parses a Kubernetes quantity into billionths of its unit; `None` if `text` is no quantity. The API server
/// rewrites `1024Mi` to `1Gi` and `0.5` to `500m`, so quantities are compared by value.
pub(super) fn parse_quantity(text: &str) -> Option<i128> {
    const NANO: i128 = 1_000_000_000;
    let end = text.find(|of: char| !of.is_ascii_digit() && of != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = fraction.get(..9).unwrap_or(fraction);
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let unit = match suffix {
        "n" => 1,
        "u" => 1_000,
        "m" => 1_000_000,
        "" => NANO,
        suffix => {
            let (base, letters, letter) = match suffix.strip_suffix('i') {
                Some(letter) => (1_024_i128, "KMGTPE", letter),
                None => (1_000, "kMGTPE", suffix),
            };
            let power = letters.chars().position(|known| letter.chars().eq([known]))?;
            base.pow(u32::try_from(power).ok()? + 1) * NANO
        }
    };
    Some(digits.checked_mul(unit)? / scale)
}
