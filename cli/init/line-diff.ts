/** A text change as a person reads it: lines that go and come, three lines around each. Longest common subsequence. */
export function lineDiff(before: string | undefined, after: string): string {
    const a = lines(before ?? "")
    const b = lines(after)
    // common[i][j]: length of the longest common subsequence of a[i..] and b[j..]
    const common = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1))
    for (let i = a.length - 1; i >= 0; i--)
        for (let j = b.length - 1; j >= 0; j--) common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1])
    const all: string[] = []
    for (let i = 0, j = 0; i < a.length || j < b.length; ) {
        if (i < a.length && j < b.length && a[i] === b[j]) {
            all.push(` ${a[i]}`)
            i++
            j++
        } else if (i < a.length && (j === b.length || common[i + 1][j] >= common[i][j + 1])) all.push(`-${a[i++]}`)
        else all.push(`+${b[j++]}`)
    }
    const near = all.map((_, at) => all.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(line => line[0] !== " "))
    return all
        .flatMap((line, at) => (near[at] ? [line] : near[at - 1] || at === 0 ? ["@@"] : []))
        .join("\n")
}

const CONTEXT = 2

function lines(text: string): string[] {
    const parts = text.split(/\r?\n/)
    if (parts.at(-1) === "") parts.pop()
    return parts
}
