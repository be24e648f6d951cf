import fc from "fast-check"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { backOffMs, Do, Ev, IMAGE_MAX_BYTES, initialState, type Job, Phase, type UpdaterEvent, type UpdaterState, updaterStep } from "../src/dfu/updater-state.ts"

const test = suite("the rules of the updater")

function job(id: string, imageSizeBytes = 300): Job {
    return { id, version: "1.1.0", manifest: "", signatureDigest: "", signatureSizeBytes: 1296, imageDigest: id, imageSizeBytes }
}

function after(events: UpdaterEvent[], from: UpdaterState = initialState): UpdaterState {
    return events.reduce(updaterStep, from)
}

const downloaded: UpdaterEvent[] = [
    { kind: Ev.Update, job: job("one") },
    { kind: Ev.Verified },
    { kind: Ev.ImageBytes, bytes: 300 },
]

test("an update goes through its phases", () => {
    const seen: UpdaterState[] = [initialState]
    for (const event of downloaded.concat({ kind: Ev.Checked }, { kind: Ev.Swapped }, { kind: Ev.Healthy }, { kind: Ev.Kept, code: "" })) seen.push(updaterStep(seen[seen.length - 1], event))
    assert.equal(
        seen.map(s => s.next),
        [Do.Poll, Do.VerifyManifest, Do.FetchImage, Do.CheckImage, Do.Swap, Do.Watch, Do.Keep, Do.Poll],
    )
    assert.is(seen[seen.length - 1].phase, Phase.Confirmed)
})

test("the same command again changes nothing while it is under way", () => {
    const state = after(downloaded)
    assert.equal(updaterStep(state, { kind: Ev.Update, job: job("one") }), state)
})

test("a newer command takes the place of a download, but not of a trial", () => {
    const replaced = after([...downloaded.slice(0, 2), { kind: Ev.Update, job: job("two") }])
    assert.is(replaced.job?.id, "two")
    assert.is(replaced.doneBytes, 0)
    const trial = after([...downloaded, { kind: Ev.Checked }, { kind: Ev.Swapped }])
    assert.is(updaterStep(trial, { kind: Ev.Update, job: job("two") }).job?.id, "one")
})

test("a cancel works up to the swap and not after", () => {
    assert.is(after([...downloaded, { kind: Ev.Checked }, { kind: Ev.Cancel }]).phase, Phase.Idle)
    assert.is(after([...downloaded, { kind: Ev.Checked }, { kind: Ev.Swapped }, { kind: Ev.Cancel }]).phase, Phase.Trial)
})

test("a command that cannot fit is refused before anything is fetched", () => {
    for (const size of [0, -1, IMAGE_MAX_BYTES + 1, Number.NaN]) {
        const state = updaterStep(initialState, { kind: Ev.Update, job: job("big", size) })
        assert.is(state.phase, Phase.Failed)
        assert.is(state.code, "HOV_IMAGE_SIZE")
        assert.is(state.next, Do.Poll)
    }
})

test("waits grow and never by the same step for two boards", () => {
    assert.is(backOffMs(1, 0), 500)
    assert.is(backOffMs(1, 1), 1500)
    assert.is(backOffMs(7, 0.5), 64_000)
    assert.is(backOffMs(1000, 0.5), 64_000)
})

test("whatever happens, no image is swapped that was not verified, fetched and checked in this order", () => {
    const event = fc.oneof(
        fc.record({ kind: fc.constant(Ev.Update), job: fc.constantFrom(job("one"), job("two")) }),
        fc.record({ kind: fc.constantFrom(Ev.Cancel, Ev.NetworkDown, Ev.NetworkUp) }),
        fc.record({ kind: fc.constant(Ev.Refused), code: fc.constant("HOV_X") }),
        // what the actor answers to `next`, as it can be at that moment
        fc.constant("go on" as const),
    )
    fc.assert(
        fc.property(fc.array(event, { maxLength: 60 }), events => {
            let state = initialState
            let trail: Ev[] = []
            for (const some of events) {
                const answer = some === "go on" ? answerTo(state) : some
                if (!answer) continue
                const before = state
                state = updaterStep(state, answer as UpdaterEvent)
                if (answer.kind === Ev.NetworkDown) assert.equal({ ...state, failures: 0 }, { ...before, failures: 0 })
                if (state.job !== before.job) trail = []
                trail.push(answer.kind)
                if (state.next === Do.Swap) {
                    const order = [Ev.Verified, Ev.ImageBytes, Ev.Checked].map(kind => trail.indexOf(kind))
                    assert.ok(order[0] >= 0 && order[0] < order[1] && order[1] < order[2])
                    assert.is(state.doneBytes, state.job?.imageSizeBytes)
                }
            }
        }),
        { numRuns: 2000 },
    )
})

function answerTo(state: UpdaterState): UpdaterEvent | undefined {
    switch (state.next) {
        case Do.VerifyManifest:
            return { kind: Ev.Verified }
        case Do.FetchImage:
            return { kind: Ev.ImageBytes, bytes: 100 }
        case Do.CheckImage:
            return { kind: Ev.Checked }
        case Do.Swap:
            return { kind: Ev.Swapped }
        case Do.Watch:
            return { kind: Ev.Healthy }
        case Do.Keep:
            return { kind: Ev.Kept, code: "" }
        default:
            return undefined
    }
}

test.run()
