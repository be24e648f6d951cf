import type { Update } from "../toolchain/diff/build-update.ts"
import type { LostState } from "../toolchain/diff/lost.ts"
import { functionSizeBytes } from "../toolchain/format/image.ts"
import { type CompiledProgram, locate } from "../toolchain/program/compiled-program.ts"
import type { Refusal } from "../toolchain/translate/refusal.ts"
import { plural, table } from "./output.ts"

export interface ShippedReport {
    readonly name: string
    readonly key: string
    /** `replaced`: takes the place of the base's; `added`: new; `made`: the builder's own, for migration and first values */
    readonly kind: "replaced" | "added" | "made" | "top-level code"
    readonly owner: "app" | "library" | "builder"
    readonly location: string
    readonly bytes: number
}

export interface UpdateReport {
    readonly hot: true
    readonly imageBytes: number
    /** what a whole new program would be */
    readonly fullBytes: number
    readonly functions: readonly ShippedReport[]
    /** part of the image that is library functions: the application's edit needs them and the base lacks them */
    readonly libraryBytes: number
    readonly rules: number
    /** what goes live only partly, or cannot be undone */
    readonly notes: readonly Refusal[]
    /** state that is gone for the base's code when the image is called back */
    readonly lost: readonly LostState[]
}

export function updateReport(next: CompiledProgram, update: Update): UpdateReport {
    const functions = update.shipped.map(({ key, name, nextIndex, laidOut }): ShippedReport => {
        const bytes = functionSizeBytes(laidOut.function)
        if (nextIndex < 0) return { name, key, kind: "made", owner: "builder", location: "", bytes }
        if (nextIndex === 0) return { name: "top-level code", key, kind: "top-level code", owner: "app", location: "", bytes }
        const { owner, path } = next.functions[nextIndex]
        return {
            name: readableName(key, path) || name,
            key,
            kind: "host" in laidOut.function.target ? "replaced" : "added",
            owner: owner === "library" ? "library" : "app",
            location: locate(next, nextIndex, 0),
            bytes,
        }
    })
    return {
        hot: true,
        imageBytes: update.file.length,
        fullBytes: next.file.length,
        functions,
        libraryBytes: functions.filter(f => f.owner === "library").reduce((n, f) => n + f.bytes, 0),
        rules: update.image.rules.length,
        notes: update.notes,
        lost: update.lost,
    }
}

/** `src/app/controller.ts/Controller/step` as `Controller.step` */
function readableName(key: string, path: string): string {
    return key.startsWith(`${path}/`) ? key.slice(path.length + 1).replaceAll("/", ".") : key
}

export function formatUpdate(report: UpdateReport): string {
    const section = (title: string, functions: readonly ShippedReport[]) =>
        functions.length ? [`${title}:`, indent(table(functions.map(f => [f.kind, f.name, f.bytes, f.location])))] : []
    if (!report.functions.length && !report.rules && !report.notes.length) return "hot: nothing to change"
    return [
        `hot: ${report.imageBytes} bytes on air instead of ${report.fullBytes}`,
        ...section("application", report.functions.filter(f => f.owner !== "library")),
        ...section(`library functions that the base lacks (${report.libraryBytes} bytes)`, report.functions.filter(f => f.owner === "library")),
        ...(report.rules ? [`${plural(report.rules, "class", "classes")} with new fields: objects get them when replaced code first touches them`] : []),
        ...(report.notes.length ? ["mind:", ...report.notes.map(reasonText)] : []),
        ...(report.lost.length ? ["lost when the image is called back:", ...report.lost.map(l => `  ${l.name}: ${l.why}`)] : []),
    ].join("\n")
}

export function formatRefusals(refusals: readonly Refusal[]): string {
    return [`refused: ${plural(refusals.length, "change")} cannot go live`, ...refusals.map(reasonText)].join("\n")
}

function reasonText(r: Refusal): string {
    return `  ${r.code} ${r.location} ${r.functionName}: ${r.detail}\n         ${r.fix}`
}

function indent(text: string): string {
    return text.replace(/^/gm, "  ")
}
