/** An expected outcome as a value: malformed text is no exception. */
export type Result<Value, Fault> = { readonly ok: true; readonly value: Value } | ({ readonly ok: false } & Fault)
