import { LIMITS } from "../limits.ts"
import { REPORTED_PREFIX } from "./device-kind.ts"

const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,31}$/
const VALUE_MAX_CHARS = 128

/**
 * A device's attributes after it has said something about itself. Its words stand under
 * `ddi.`, so that it cannot put itself into a group that an operator made of other ones.
 * What does not fit (names, length, number) is left out: hawkBit's clients do not expect a refusal.
 */
export function reported(
    before: Readonly<Record<string, string>>,
    data: Readonly<Record<string, string | number | boolean | null>>,
    mode: "merge" | "replace" | "remove",
): Record<string, string> {
    const after: Record<string, string> = {}
    for (const [name, value] of Object.entries(before)) if (mode !== "replace" || !name.startsWith(REPORTED_PREFIX)) after[name] = value
    for (const [name, value] of Object.entries(data)) {
        const key = REPORTED_PREFIX + name.replaceAll(/[^A-Za-z0-9_.-]/g, "_")
        if (!NAME.test(key)) continue
        if (mode === "remove" || value === null) delete after[key]
        else if (Object.hasOwn(after, key) || Object.keys(after).length < LIMITS.attributesPerDevice) after[key] = String(value).slice(0, VALUE_MAX_CHARS)
    }
    return after
}
