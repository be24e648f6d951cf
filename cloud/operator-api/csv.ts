/** CSV (RFC 4180). A text that a spreadsheet would run as a formula gets an apostrophe. */
export function csvLine(values: readonly unknown[]): string {
    return `${values.map(csvField).join(",")}\r\n`
}

function csvField(value: unknown): string {
    if (value === null || value === undefined) return ""
    if (typeof value === "number" || typeof value === "boolean") return String(value)
    let text = typeof value === "string" ? value : JSON.stringify(value)
    if (/^[=+\-@\t\r]/.test(text)) text = `'${text}`
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
