/** What can go wrong around keys and signing; the message says what to do next. */
export type SignErrorCode =
    | "HOV_LMS_PARAMETERS"
    | "HOV_KEY_EXISTS"
    | "HOV_KEY_MISSING"
    | "HOV_KEY_FORMAT"
    | "HOV_KEY_PASSPHRASE"
    | "HOV_KEY_NO_PASSPHRASE"
    | "HOV_KEY_LOCKED"
    | "HOV_KEY_EXHAUSTED"
    | "HOV_KEY_SELF_CHECK"
    | "HOV_SIGNER_FAILED"
    | "HOV_SIGNER_SIGNATURE"
    | "HOV_TRUSTED_KEYS"
    | "HOV_REVOKE_KEY"

export class SignError extends Error {
    readonly code: SignErrorCode

    constructor(code: SignErrorCode, message: string) {
        super(message)
        this.name = "SignError"
        this.code = code
    }
}
