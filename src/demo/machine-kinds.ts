/** What the demonstration machine builder makes, and of which assemblies and parts. */
import type { PartKindName } from './part-kinds.js'

export interface AssemblyKind {
  readonly number: string
  readonly name: { readonly en: string; readonly zh: string }
  readonly massKilograms: number
  /** Parts of one assembly, with how many of each. */
  readonly parts: Readonly<Partial<Record<PartKindName, number>>>
}

export interface MachineKind {
  readonly model: string
  readonly name: { readonly en: string; readonly zh: string }
  readonly category: string
  readonly specification: string
  readonly assemblies: readonly AssemblyKindName[]
}

export const ASSEMBLY_KINDS = {
  spindleUnit: {
    number: 'SU-40',
    name: { en: 'Spindle unit', zh: '主轴单元' },
    massKilograms: 86,
    parts: {
      spindle: 1,
      angularBearing: 4,
      rollerBearing: 1,
      shaftSeal: 2,
      lockNut: 2,
      encoder: 1,
      timingBelt: 1,
      bolt: 8,
    },
  },
  feedAxis: {
    number: 'FA-X900',
    name: { en: 'Feed axis', zh: '进给轴' },
    massKilograms: 124,
    parts: {
      ballScrew: 1,
      guideRail: 2,
      servoMotor: 1,
      coupling: 1,
      angularBearing: 2,
      sensor: 3,
      lockNut: 1,
      bolt: 8,
    },
  },
  gearbox: {
    number: 'GB-3S',
    name: { en: 'Gearbox', zh: '齿轮箱' },
    massKilograms: 141,
    parts: { shaft: 2, gear: 4, ballBearing: 2, rollerBearing: 2, shaftSeal: 2, oRing: 2, bolt: 6 },
  },
  hydraulicUnit: {
    number: 'HU-45',
    name: { en: 'Hydraulic power unit', zh: '液压站' },
    massKilograms: 178,
    parts: {
      pump: 1,
      gearMotor: 1,
      coupling: 1,
      directionalValve: 3,
      reliefValve: 1,
      filter: 2,
      oRing: 4,
      sensor: 1,
      bolt: 4,
    },
  },
  clampingUnit: {
    number: 'CU-80',
    name: { en: 'Clamping unit', zh: '夹紧装置' },
    massKilograms: 232,
    parts: { cylinder: 2, directionalValve: 2, reliefValve: 1, oRing: 4, sensor: 2, guideRail: 1, bolt: 6 },
  },
  drive: {
    number: 'DU-15',
    name: { en: 'Drive unit', zh: '驱动装置' },
    massKilograms: 64,
    parts: { gearMotor: 1, shaft: 1, ballBearing: 2, shaftSeal: 2, timingBelt: 1, coupling: 1, sensor: 1, bolt: 8 },
  },
  lubrication: {
    number: 'LU-2',
    name: { en: 'Lubrication unit', zh: '润滑装置' },
    massKilograms: 18,
    parts: { servoMotor: 1, reliefValve: 1, directionalValve: 1, filter: 2, oRing: 5, sensor: 2, bolt: 4 },
  },
  cabinet: {
    number: 'EC-12',
    name: { en: 'Electrical cabinet', zh: '电气柜' },
    massKilograms: 155,
    parts: { contactor: 9, sensor: 3, encoder: 1, bolt: 4 },
  },
} as const satisfies Record<string, AssemblyKind>

export type AssemblyKindName = keyof typeof ASSEMBLY_KINDS

export const MACHINE_KINDS: readonly MachineKind[] = [
  {
    model: 'VMC850',
    name: { en: 'Vertical machining centre', zh: '立式加工中心' },
    category: 'Machine tools',
    specification: '800 x 500 x 550 mm, BT40, 12,000 rpm',
    assemblies: ['spindleUnit', 'feedAxis', 'feedAxis', 'feedAxis', 'lubrication', 'hydraulicUnit', 'cabinet'],
  },
  {
    model: 'CK6150',
    name: { en: 'CNC lathe', zh: '数控车床' },
    category: 'Machine tools',
    specification: 'Swing 500 mm, between centres 1,000 mm, A2-6',
    assemblies: ['spindleUnit', 'gearbox', 'feedAxis', 'feedAxis', 'lubrication', 'hydraulicUnit', 'cabinet'],
  },
  {
    model: 'IM260',
    name: { en: 'Injection moulding machine', zh: '注塑机' },
    category: 'Plastics machinery',
    specification: 'Clamping force 2,600 kN, shot weight 490 g',
    assemblies: ['clampingUnit', 'feedAxis', 'gearbox', 'hydraulicUnit', 'drive', 'lubrication', 'cabinet'],
  },
  {
    model: 'HP315',
    name: { en: 'Four-column hydraulic press', zh: '四柱液压机' },
    category: 'Metal forming',
    specification: 'Nominal force 3,150 kN, stroke 800 mm',
    assemblies: ['clampingUnit', 'clampingUnit', 'hydraulicUnit', 'hydraulicUnit', 'lubrication', 'drive', 'cabinet'],
  },
  {
    model: 'PL120',
    name: { en: 'Carton packing line', zh: '装箱生产线' },
    category: 'Packaging machinery',
    specification: '120 cartons a minute',
    assemblies: ['drive', 'drive', 'drive', 'feedAxis', 'gearbox', 'lubrication', 'cabinet'],
  },
]
