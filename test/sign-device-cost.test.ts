import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { calmest } from "./support/calmest.ts"
import { ESP32_OP_US, measureHeapBytes, measureOperations, measureTicks, type TickCost } from "./support/verification-cost.ts"

const test = suite("price of a verification")

for (const winternitz of [8, 4] as const)
    test(`with W${winternitz}, an average verification takes less than 1.5 s of an ESP32's VM time`, async () => {
        const { operations, esp32Ms, nativeDigests } = await measureOperations(winternitz)
        console.log(`W${winternitz}: ${operations} VM operations, ${esp32Ms.toFixed(0)} ms at ${ESP32_OP_US} us each, and ${nativeDigests} native digests`)
        assert.ok(esp32Ms < 1500, `${esp32Ms} ms`)
    })

for (const [winternitz, heapKb] of [
    [8, 3],
    [4, 4],
] as const)
    test(`with W${winternitz}, verifying needs at most ${heapKb} KB of heap`, async () => {
        const peakBytes = await measureHeapBytes(winternitz)
        console.log(`W${winternitz}: ${peakBytes} bytes of heap at the peak`)
        assert.ok(peakBytes <= heapKb * 1024, `${peakBytes} bytes`)
    })

test("a 10 ms loop goes on while signature after signature is verified", async () => {
    const isGood = ({ ticks, expected, longestMs }: TickCost): boolean => ticks >= expected * 0.8 && longestMs <= 30
    const measured = await calmest(measureTicks, isGood)
    const { ticks, expected, longestMs } = measured
    const said = `ticks ${ticks} of ${expected} longest ${longestMs} ms`
    console.log(said)
    assert.ok(isGood(measured), said)
})

test.run()
