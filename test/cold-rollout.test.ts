/** One rollout over boards on several bases: each gets there in the way that its base allows. */
import { test } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { until } from "./support/cloud.ts"
import { ColdBench, coldMain } from "./support/cold-bench.ts"

test("a rollout takes boards of one base there hot and boards of another cold, at once", async () => {
    const bench = await ColdBench.open({ timings: { coldConfirmMs: 20_000, rolloutTickMs: 100 } })
    try {
        const [old, near, next] = [await bench.base("old", "1.0.0"), await bench.base("near", "2.0.0"), await bench.base("next", "2.1.0", coldMain("near").replace("tick near", "tick next"))]
        const release = await bench.release(old, next, 1)
        await bench.addHot(near, next, 1)
        const [cold, hot] = [await bench.started(old, { deviceId: "12abdd2244100001" }), await bench.started(near, { deviceId: "12abdd2244100002" })]
        const { id } = await bench.cloud.must(201, "POST", "/rollouts", { name: "both", release, phases: [{ percent: 100, failurePercent: 50, successPercent: 100 }] })
        await until("the rollout", () => bench.cloud.must(200, "GET", `/rollouts/${id}`), r => r.state === "completed", 60_000)
        const [whole, swapped] = [await bench.shown(cold.id), await bench.shown(hot.id)]
        assert.equal([whole.actual.version, whole.actual.base, whole.commands[0].state], ["2.1.0", next.baseId, "succeeded"])
        assert.equal([swapped.actual.version, swapped.actual.base, swapped.commands[0].state], ["2.1.0", near.baseId, "succeeded"])
        for (const { board } of [cold, hot]) await board.waitForLine(/tick next/, 10_000)
        assert.is(hot.board.lines().filter(({ text }) => /stop program/.test(text)).length, 0, "the board with the near base never stopped")
        const { artifacts } = await bench.cloud.must(200, "GET", `/releases/${release}`)
        assert.equal(artifacts.map((a: any) => [a.base, a.cold]).sort(), [[old.baseId, true], [near.baseId, false]].sort())
    } finally {
        await bench.close()
    }
})

test("the network is handed over, and the program ended, only when the policy allows", async () => {
    const bench = await ColdBench.open()
    try {
        const busy = `import { Updater } from "./updater"
${coldMain("busy", 'Updater.setBusy(true); setTimeout(async () => { console.log("app done"); Updater.setBusy(false) }, 8000)')}`
        const [old, next] = [await bench.base("busy", "1.0.0", busy), await bench.base("next", "2.0.0")]
        await bench.release(old, next, 1)
        const { board, id } = await bench.started(old, { deviceId: "12abdd2244100003" })
        await bench.cloud.must(202, "POST", `/devices/${id}/update`, { version: "2.0.0" })
        await until("the board's word that it waits", () => bench.shown(id), d => ["ready", "checking"].includes(d.actual?.state), 8_000)
        const { tMs: doneMs } = await board.waitForLog(/app done/, 15_000)
        const { tMs: stopMs } = await board.waitForLog(/^\* stop program/, 20_000)
        assert.ok(stopMs > doneMs)
        assert.not.ok(board.lines().some(line => line.tMs < doneMs && /HOV cold handover/.test(line.text)))
        await until("the new base", () => bench.shown(id), d => d.actual?.base === next.baseId && d.command === null, 30_000)
    } finally {
        await bench.close()
    }
})

test.run()
