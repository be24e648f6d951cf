import { CODE_END_MAX, functionStarts, parseDevs, sectionNames } from "../toolchain/devs/image.ts"
import type { LinkedBase } from "../toolchain/link/link-base.ts"

export interface SizeReport {
    readonly fileBytes: number
    /** the VM counts addresses with 16 bits, so code ends below this */
    readonly codeLimitBytes: number
    readonly codeEndBytes: number
    /** what the limit leaves for more code */
    readonly freeBytes: number
    /** parts of the code; they add up to `codeEndBytes` */
    readonly code: {
        readonly executorBytes: number
        readonly preludesBytes: number
        readonly residentBytes: number
        readonly librariesBytes: number
        readonly appBytes: number
        /** header, function table, padding */
        readonly tablesBytes: number
    }
    /** sections behind the code, which the limit does not count */
    readonly data: Readonly<Record<string, number>>
}

/** Where the bytes of a base go. Top-level code counts as the application's. */
export function sizeReport(base: LinkedBase): SizeReport {
    const image = parseDevs(base.file)
    const { executorBytes, preludeBytes } = base.sizes
    const sizes = { entry: 0, app: 0, resident: 0, library: 0 }
    for (const f of base.program.functions) {
        const number = base.numbers.get(f.index)
        if (number !== undefined) sizes[f.owner] += image.functions[number].code.length
    }
    const starts = functionStarts(image)
    const last = image.functions.length - 1
    const codeEndBytes = starts[last] + image.functions[last].code.length
    const app = sizes.app + sizes.entry - executorBytes - preludeBytes
    const code = {
        executorBytes,
        preludesBytes: preludeBytes,
        residentBytes: sizes.resident,
        librariesBytes: sizes.library,
        appBytes: app,
        tablesBytes: codeEndBytes - executorBytes - preludeBytes - sizes.resident - sizes.library - app,
    }
    const data: Record<string, number> = {}
    for (const name of sectionNames)
        if (name !== "functions" && name !== "functionsData" && image.sections[name].length) data[name] = image.sections[name].length
    return { fileBytes: base.file.length, codeLimitBytes: CODE_END_MAX, codeEndBytes, freeBytes: CODE_END_MAX - codeEndBytes, code, data }
}
