import { BuildError } from "../../toolchain/build-project.ts"
import { largestImageBytes } from "../../toolchain/format/budget.ts"
import { buildUpdate, type Update } from "../../toolchain/diff/build-update.ts"
import { imageSequenceOffset } from "../../toolchain/format/image.ts"
import { imageMap } from "../../toolchain/pack/image-map.ts"
import type { CompiledProgram } from "../../toolchain/program/compiled-program.ts"
import { signArtifact } from "../../toolchain/sign/index.ts"
import { type Refusal, RefusedError } from "../../toolchain/translate/refusal.ts"
import type { DevOutcome, DevRelease, DevTarget } from "./target.ts"

/** What became of one edit; times in ms since the file was saved. */
export type EditResult =
    | { readonly is: "running"; readonly version: string; readonly imageBytes: number; readonly functions: readonly string[]; readonly times: EditTimes; readonly notes: readonly Refusal[] }
    | { readonly is: "refused"; readonly refusals: readonly Refusal[] }
    | { readonly is: "notCompiled"; readonly message: string }
    | { readonly is: "unchanged" }

export interface EditTimes {
    readonly compiledMs: number
    readonly builtMs: number
    readonly signedMs: number
    readonly runningMs: number
}

export interface DevCallbacks {
    /** a release is signed and about to go out */
    onRelease(release: DevRelease): void
    onEdit(result: EditResult): void
    /** the end of an update that has run: kept, or called back with what the board said */
    onEnd(outcome: DevOutcome, release: DevRelease): void
}

/** Brings one edit after the other to a target. All are built against the base, so each holds what those before it changed. */
export class DevSession {
    private readonly target: DevTarget
    private readonly compile: () => Promise<CompiledProgram>
    private readonly callbacks: DevCallbacks
    private sequence: number
    private edits = 0
    /** what the board runs; undefined = not known */
    private lastImage: Buffer | undefined

    /** @param sequence the highest that was given to an image of this base */
    constructor(target: DevTarget, sequence: number, compile: () => Promise<CompiledProgram>, callbacks: DevCallbacks) {
        this.target = target
        this.compile = compile
        this.callbacks = callbacks
        this.sequence = sequence
    }

    /** @param savedMs when the file was saved, as `performance.now()` has it */
    async edited(savedMs: number): Promise<void> {
        const since = () => Math.round(performance.now() - savedMs)
        const { base } = this.target
        let program: CompiledProgram
        try {
            program = await this.compile()
        } catch (e) {
            if (!(e instanceof BuildError)) throw e
            return this.callbacks.onEdit({ is: "notCompiled", message: e.message })
        }
        const compiledMs = since()
        const sequence = this.sequence + 1
        let update: Update
        try {
            update = buildUpdate(base.linked, program, { sequence, imageMaxBytes: largestImageBytes })
        } catch (e) {
            if (!(e instanceof RefusedError)) throw e
            return this.callbacks.onEdit({ is: "refused", refusals: e.refusals })
        }
        const builtMs = since()
        const image = withoutSequence(update.file)
        const runsThis = this.lastImage ? this.lastImage.equals(image) : this.edits === 0 && this.target.sequence === 0 && !update.shipped.length
        if (runsThis) return this.callbacks.onEdit({ is: "unchanged" })
        this.sequence = sequence
        this.edits++
        const version = `${base.version}-dev.${sequence}`
        const artifact = await signArtifact(
            this.target.signer,
            { baseId: base.baseId, sequence, productId: base.productId, notAfterUnixS: 0, version, downgradeAllowed: false, cold: false },
            update.file,
        )
        const release = { version, artifact, map: imageMap(base.linked, program, update, { version }) }
        this.callbacks.onRelease(release)
        const signedMs = since()
        const functions = update.shipped.filter(s => s.nextIndex > 0).map(s => s.name)
        const outcome = await this.target.update(release, () =>
            this.callbacks.onEdit({ is: "running", version, imageBytes: update.file.length, functions, times: { compiledMs, builtMs, signedMs, runningMs: since() }, notes: update.notes }),
        )
        this.lastImage = outcome.phase === "confirmed" ? image : undefined
        this.callbacks.onEnd(outcome, release)
    }
}

/** An image as it would be with another sequence: equal for equal code. */
function withoutSequence(file: Uint8Array): Buffer {
    const image = Buffer.from(file)
    image.writeUInt32LE(0, imageSequenceOffset)
    return image
}
