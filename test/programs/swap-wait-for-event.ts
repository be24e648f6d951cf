// Fibers that wait for each other.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

const ping = ds.emitter<number>()
const pong = ds.emitter<number>()

function answer(value: number): number {
    say("answer", value, "b", V, value + 1)
    return value + 1
}

function reply(value: number): number {
    say("reply", value, "b", V, value * 2)
    return value
}

async function server() {
    while (true) {
        const value = await ds.wait(ping)
        await ds.sleep(2)
        pong.emit(answer(value as any))
    }
}

async function client() {
    for (let i = 1; i <= 16; ++i) {
        await ds.sleep(4)
        ping.emit(i)
        reply((await ds.wait(pong)) as any)
    }
}

server.start()
client.start()
await done(160)
