/**
 * Names that come in from outside. Each pattern starts with a letter or digit and
 * has no slash, so no id can climb out of a folder or fake another route.
 */
import { randomBytes } from "node:crypto"

export const DEVICE_ID_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
export const APP_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
/** A version fits the 16 bytes that the manifest has for it. */
export const VERSION_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._+-]{0,15}$"
/** `app@version`, or the version alone where it is not ambiguous. */
export const RELEASE_PATTERN = "^([A-Za-z0-9][A-Za-z0-9._-]{0,63}@)?[A-Za-z0-9][A-Za-z0-9._+-]{0,15}$"
export const DIGEST_PATTERN = "^[0-9a-f]{64}$"
export const BASE_ID_PATTERN = "^[0-9a-f]{16}$"
/** Ids that the cloud makes itself: commands, groups, rollouts, webhooks. */
export const OWN_ID_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_-]{0,47}$"
export const NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$"

const WORDS: Readonly<Record<string, string>> = {
    [DEVICE_ID_PATTERN]: "1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit",
    [VERSION_PATTERN]: "a version: 1 to 16 letters, digits, '.', '_', '+' or '-', beginning with a letter or digit",
    [RELEASE_PATTERN]: "a release: VERSION or APP@VERSION",
    [OWN_ID_PATTERN]: "1 to 48 letters, digits, '_' or '-', beginning with a letter or digit",
    [NAME_PATTERN]: "1 to 64 letters, digits, spaces, '.', '_' or '-', beginning with a letter or digit",
    [DIGEST_PATTERN]: "64 hex digits",
    [BASE_ID_PATTERN]: "16 hex digits",
}

/** What a pattern of these asks for, for people. */
export const wordsOf = (pattern: string): string | undefined => (Object.hasOwn(WORDS, pattern) ? WORDS[pattern] : undefined)

const deviceId = new RegExp(DEVICE_ID_PATTERN)
const digest = new RegExp(DIGEST_PATTERN)

export const isDeviceId = (text: string): boolean => deviceId.test(text)
export const isDigest = (text: string): boolean => digest.test(text)

/** `prefix` + 12 characters of time (sorts by age) and 80 random bits. */
export function newId(prefix: string, nowMs: number): string {
    return prefix + nowMs.toString(36).padStart(9, "0") + randomBytes(10).toString("hex")
}

/** The release that means the base's own code; there is one for all apps. */
export const BASE_RELEASE = "base"

export interface ReleaseName {
    readonly app: string | null
    readonly version: string
}

/** `"app@1.1.0"` → app and version, `"1.1.0"` → version alone. */
export function parseReleaseName(text: string): ReleaseName {
    const at = text.lastIndexOf("@")
    return at < 0 ? { app: null, version: text } : { app: text.slice(0, at), version: text.slice(at + 1) }
}

export const releaseId = (app: string, version: string): string => `${app}@${version}`
