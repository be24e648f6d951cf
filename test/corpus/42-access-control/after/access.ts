export enum Verdict {
    Denied,
    Granted,
    Guest,
}

export function check(badge: string) {
    if (badge === "d4") return Verdict.Guest
    return badge === "a1" || badge === "c3" ? Verdict.Granted : Verdict.Denied
}
