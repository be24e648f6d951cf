/** Milliseconds since 1970; passed in, so that a test can stand at any time. */
export type Clock = () => number
