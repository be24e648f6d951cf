import { existsSync, readFileSync } from "node:fs"
import type { BaseBundle } from "../toolchain/pack/base-bundle.ts"
import { type ImageMap, readImageMap } from "../toolchain/pack/image-map.ts"
import { PackError } from "../toolchain/pack/pack-error.ts"
import { type FaultDiagnostics, type SymbolizedFault, symbolizeFault } from "../toolchain/pack/symbolize.ts"
import type { Session } from "./session.ts"

export interface SymbolOptions {
    readonly map?: string
    readonly base?: string
}

/** Lines of the resident that tell which image runs from then on. */
const currentImageLine = /HOV (?:boot|swap|rolledback) .*\bseq=(\d+)/

type FindMap = (isWanted: (map: ImageMap) => boolean) => ImageMap | undefined

/** Finds maps and the base's bundle; what is missing only leaves names out. */
export class Symbols {
    readonly bundle: BaseBundle | undefined
    private readonly map: ImageMap | undefined
    private readonly isBaseNamed: boolean
    private readonly findMap: FindMap
    private current: ImageMap | undefined

    private constructor(bundle: BaseBundle | undefined, options: SymbolOptions, findMap: FindMap) {
        this.bundle = bundle
        this.isBaseNamed = options.base !== undefined
        this.findMap = findMap
        this.map = options.map === undefined ? undefined : readImageMap(readFileSync(options.map, "utf8"))
    }

    static async open(session: Session, options: SymbolOptions): Promise<Symbols> {
        // a bundle is linked again when it is read, which takes the whole linker: not loaded for nothing
        const { baseFiles, outDir } = session.config
        const file = options.base ?? baseFiles[0]
        const { readBundles } = options.base !== undefined || existsSync(file) ? await import("./project-programs.ts") : {}
        const read = () => readBundles?.([file])[0]
        const bundle = options.base === undefined ? guessedBundle(session, read) : read()
        const { findMap } = await import("./release-files.ts")
        return new Symbols(bundle, options, isWanted => findMap(outDir, isWanted))
    }

    /** A log does not say which image threw, but it said before which one it went to. */
    sawLine(line: string): void {
        const found = currentImageLine.exec(line)
        if (!found || !this.bundle || this.map) return
        const [baseId, sequence] = [this.bundle.baseId, Number(found[1])]
        this.current = sequence === 0 ? undefined : this.findMap(m => m.baseId === baseId && m.sequence === sequence)
    }

    /** The map of an image for a base, if it was built here. */
    mapOf(baseId: string, sequence: number): ImageMap | undefined {
        return this.map ?? this.findMap(m => m.baseId === baseId && m.sequence === sequence)
    }

    fault(fault: FaultDiagnostics): SymbolizedFault {
        const { img } = fault
        const map = this.map ?? (img ? this.findMap(m => m.imageDigest.startsWith(img)) : this.current)
        // a bundle that nobody named is a guess: it must be the map's
        const base = !this.isBaseNamed && map && map.baseId !== this.bundle?.baseId ? undefined : this.bundle
        return symbolizeFault(fault, map, base?.linked)
    }
}

/** A bundle that nobody named: when it cannot be used, names are left out, and a warning says why. */
export function guessedBundle({ out }: Session, read: () => BaseBundle | undefined): BaseBundle | undefined {
    try {
        return read()
    } catch (e) {
        if (!(e instanceof PackError)) throw e
        out.warn(`${e.message} (${e.code})`)
        return undefined
    }
}
