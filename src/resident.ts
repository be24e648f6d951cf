// The first import boots the bank, before the top-level code of the app.
import "./bootloader/boot"
import { startActor } from "./dfu/actor"

export { onActivate } from "./bootloader/activation"
export type { Activation } from "./bootloader/activation"
export { persist, saveState } from "./dfu/persisted"
export { withNetwork } from "./dfu/socket-lease"
export { migrate } from "./hotswap/migration"
export type { Migration } from "./hotswap/migration"

/**
 * Starts the updater. Its configuration comes from settings (`.env`), see `dfu/config.ts`;
 * without a server it still watches over the bank that runs.
 */
export async function startResident() {
    startActor()
}
