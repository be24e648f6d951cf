const KEPT_LINES = 3
const LINE_BYTES = 64

const last: string[] = []

/** The resident's line on the serial log: `HOV <event> key=value ...`. */
export function hov(event: string, details: string) {
    const line = `${event} ${details}`
    console.log("HOV " + line)
    last.push(line.slice(0, LINE_BYTES))
    if (last.length > KEPT_LINES) last.shift()
}

/** What the resident said last, for diagnostics. */
export function lastLines() {
    return last.slice()
}
