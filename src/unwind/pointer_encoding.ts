/**
 * The encodings of pointers in `.eh_frame`: the format in the low four bits, the base of
 * relative pointers above. They are those of the Linux Standard Base Core 5.0, 10.5.1.
 *
 * @module
 */

export const DW_EH_PE_udata4 = 0x03;
export const DW_EH_PE_sdata4 = 0x0b;
export const DW_EH_PE_pcrel = 0x10;
export const DW_EH_PE_datarel = 0x30;

/** The size of a pointer in bytes by its format, for the formats of a fixed size. */
export const POINTER_SIZES: Record<number, number> = {
  0x00: 8, // DW_EH_PE_absptr
  0x02: 2, // DW_EH_PE_udata2
  0x03: 4, // DW_EH_PE_udata4
  0x04: 8, // DW_EH_PE_udata8
  0x0a: 2, // DW_EH_PE_sdata2
  0x0b: 4, // DW_EH_PE_sdata4
  0x0c: 8, // DW_EH_PE_sdata8
};
