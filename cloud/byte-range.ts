/** `Range` of RFC 9110 §14, one range of bytes. `null`: send everything; `undefined`: there are no such bytes. */
export function parseRange(header: string | undefined, sizeBytes: number): { from: number; end: number } | null | undefined {
    const match = header === undefined ? null : /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim())
    if (match === null || (match[1] === "" && match[2] === "")) return null
    if (match[1] === "") {
        const count = Math.min(Number(match[2]), sizeBytes)
        return count === 0 ? undefined : { from: sizeBytes - count, end: sizeBytes }
    }
    const from = Number(match[1])
    const last = match[2] === "" ? sizeBytes - 1 : Number(match[2])
    if (last < from && match[2] !== "") return null
    return from >= sizeBytes ? undefined : { from, end: Math.min(last + 1, sizeBytes) }
}
