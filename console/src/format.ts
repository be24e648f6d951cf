/** Numbers and times as a person reads them. */
const NUMBER = new Intl.NumberFormat("en")
const DATE = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" })
const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" })

export const number = (n: number): string => NUMBER.format(n)

export const plural = (n: number, word: string): string => `${number(n)} ${word}${n === 1 ? "" : "s"}`

export const percent = (part: number, of: number): string => {
    if (of === 0) return "0 %"
    const share = (part / of) * 100
    return `${share > 0 && share < 1 ? "<1" : share < 100 && share > 99 ? ">99" : Math.round(share)} %`
}

export const bytes = (n: number): string => (n < 10_000 ? `${number(n)} B` : `${(n / 1024).toFixed(n < 102_400 ? 1 : 0)} KB`)

export const fullTime = (iso: string): string => DATE.format(new Date(iso))

export const clockTime = (iso: string): string => TIME.format(new Date(iso))

export function duration(ms: number): string {
    const s = Math.max(0, Math.round(ms / 1000))
    if (s < 60) return `${s} s`
    if (s < 3_600) return `${Math.floor(s / 60)} min`
    if (s < 86_400) return `${Math.floor(s / 3_600)} h ${Math.floor((s % 3_600) / 60)} min`
    return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3_600)} h`
}

export function ago(iso: string | null, nowMs: number): string {
    if (iso === null) return "never"
    const ms = nowMs - Date.parse(iso)
    return ms < 5_000 ? "just now" : `${duration(ms)} ago`
}

export const short = (digest: string): string => digest.slice(0, 8)
