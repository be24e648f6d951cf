export enum Verdict {
    Denied,
    Granted,
}

export function check(badge: string) {
    return badge === "a1" || badge === "c3" ? Verdict.Granted : Verdict.Denied
}
