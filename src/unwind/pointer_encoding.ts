/**
 * The encodings of pointers in `.eh_frame`: the format in the low four bits, the base of
 * relative pointers above. They are those of the Linux Standard Base Core 5.0, 10.5.1.
 *
 * @module
 */

export const DW_EH_PE_absptr = 0x00;
export const DW_EH_PE_uleb128 = 0x01;
export const DW_EH_PE_udata2 = 0x02;
export const DW_EH_PE_udata4 = 0x03;
export const DW_EH_PE_udata8 = 0x04;
export const DW_EH_PE_sleb128 = 0x09;
export const DW_EH_PE_sdata2 = 0x0a;
export const DW_EH_PE_sdata4 = 0x0b;
export const DW_EH_PE_sdata8 = 0x0c;
export const DW_EH_PE_pcrel = 0x10;
export const DW_EH_PE_datarel = 0x30;
export const DW_EH_PE_omit = 0xff;

/** The bits of the format. */
export const POINTER_FORMAT = 0x0f;

/** The bits of the base. The highest one, which they exclude, means an indirect pointer. */
export const POINTER_BASE = 0x70;
