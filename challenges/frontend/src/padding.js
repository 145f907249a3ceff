/** Plaintext lengths that say little about the contents; the rule of challenges/sealing/padding.py. */
import { limitExceeded, malformed } from "./errors.js";

const PRICE_LENGTH = 4096;
const SMALLEST_TECHNICAL_LENGTH = 4096;

/** Padmé: not below `length`, at most 12 % above. Numbers, not bit operations: lengths may pass 2^31. */
export function padme(length) {
  if (length < 2) return length;
  const exponent = length.toString(2).length - 1;
  const keptBits = exponent.toString(2).length;
  const unit = 2 ** (exponent - keptBits);
  return Math.ceil(length / unit) * unit;
}

export function paddedLength(kind, length) {
  if (kind === "price") {
    if (length > PRICE_LENGTH) {
      throw limitExceeded("报价信封的内容过长：编码后不得超过 4 KiB。请把说明放入技术信封。");
    }
    return PRICE_LENGTH;
  }
  if (kind === "technical") return Math.max(SMALLEST_TECHNICAL_LENGTH, padme(length));
  throw malformed("信封类型只能是 technical（技术）或 price（报价）。");
}
