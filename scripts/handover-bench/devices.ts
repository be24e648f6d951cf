/** A process of devices; it does what it is told over IPC. */
import { Fleet } from "./fleet.ts"
import type { Order, Told } from "./messages.ts"
import { wallMs } from "./messages.ts"

let fleet: Fleet | undefined
const tell = (told: Told): void => void process.send?.(told)

process.on("message", (order: Order) => {
    switch (order.order) {
        case "start":
            fleet = new Fleet(order.seats, order.url, order.digest, n => tell({ told: "heard", n, atMs: wallMs() }))
            return void fleet.start().then(() => tell({ told: "started" }))
        case "listen":
            return fleet?.listen(order.n)
        case "reset":
            return fleet?.resetFigures()
        case "figures": {
            if (fleet === undefined) return
            const { user, system } = process.cpuUsage()
            return tell({ told: "figures", ...fleet.figures, cpuMs: (user + system) / 1000 })
        }
        case "stop":
            fleet?.stop()
    }
})
process.on("disconnect", () => process.exit())
