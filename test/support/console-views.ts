/** Every view of the console, and what tells that it has loaded. */
import type { Look } from "./browser.ts"

export interface View {
    readonly name: string
    readonly place: string
    readonly ready: (look: Look) => Promise<void>
}

export interface Scene {
    readonly device: string
    readonly release: string
    readonly rollout: string
}

const quiet = async (look: Look): Promise<void> => {
    await look.page.locator(".loading").first().waitFor({ state: "detached" })
    await look.page.locator(".is-live").waitFor()
}

const view = (name: string, place: string, heading: string | RegExp, more: (look: Look) => Promise<unknown> = async () => undefined): View => ({
    name,
    place,
    ready: async look => {
        await look.heading(heading)
        await quiet(look)
        await more(look)
    },
})

export const viewsOf = (scene: Scene): readonly View[] => [
    view("overview", "", "Fleet", look => look.page.locator(".chart canvas").waitFor()),
    view("devices", "devices", "Devices", look => look.page.locator(".device-table .rows a").first().waitFor()),
    view("devices-filtered", "devices?state=wrong", "Devices"),
    view("device", `devices/${scene.device}`, new RegExp(scene.device), look => look.page.getByRole("log").waitFor()),
    view("releases", "releases", "Releases"),
    view("release", `releases/${encodeURIComponent(scene.release)}`, scene.release),
    view("publish", "publish", "Publish a release"),
    view("rollouts", "rollouts", "Rollouts"),
    view("rollout", `rollouts/${scene.rollout}`, /./, look => look.page.getByRole("list", { name: "Phases" }).waitFor()),
    view("new-rollout", `rollouts/new?release=${encodeURIComponent(scene.release)}`, "Start a rollout", look => look.page.locator(".preview p[role=status]").waitFor()),
    view("server", "server", "Server"),
    view("nothing-here", "no/such/page", /./),
]

/** The page for an address that there is none for has no heading. */
export const ready = (one: View, look: Look): Promise<unknown> => (one.name === "nothing-here" ? look.page.getByText("There is no such page.").waitFor() : one.ready(look))
