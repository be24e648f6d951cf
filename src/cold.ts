/*
 * Whole bases over the air, for a program of your own; what it costs is in `docs/cold.md`:
 *
 *     import { takeColdReleases } from "handover/src/cold"
 *
 * Needs the adapter's description in the project: copy services/native-cloud.md of this package to services/.
 */
export { takeColdReleases } from "./dfu/cold"
