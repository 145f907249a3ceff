/** What these modules refuse, in the user's language; `code` is the same word as on the server. */
export class SealingError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "SealingError";
    this.code = code;
  }
}

export const malformed = (message) => new SealingError("malformed", message);
export const limitExceeded = (message) => new SealingError("limit_exceeded", message);
export const contextMismatch = (message) => new SealingError("context_mismatch", message);
export const cannotDecrypt = (message) => new SealingError("cannot_decrypt", message);
export const invalidSubset = (message) => new SealingError("invalid_subset", message);
export const invalidSignature = (message) => new SealingError("invalid_signature", message);
