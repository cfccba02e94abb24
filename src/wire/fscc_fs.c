/* Information classes of file systems: [MS-FSCC] 2.5. Called by QUERY_INFO and SET_INFO of both roles, mostly through
 * fscc_fs_class_of. */
#include "wire/fscc.h"

/* [MS-FSCC] 2.5.9 FileFsVolumeInformation */
void fscc_fs_volume_code(struct wire *w, struct fscc_fs_volume *m)
{
	wire_time(w, "VolumeCreationTime", &m->volume_creation_time);
	wire_u32(w, "VolumeSerialNumber", &m->volume_serial_number);
	wire_length(w, "VolumeLabelLength", &m->volume_label, 4);
	wire_bool(w, "SupportsObjects", &m->supports_objects);
	wire_reserved(w, 1);
	wire_text(w, "VolumeLabel", &m->volume_label);
}

/* [MS-FSCC] 2.5.5 FileFsLabelInformation */
void fscc_fs_label_code(struct wire *w, struct fscc_fs_label *m)
{
	wire_length(w, "VolumeLabelLength", &m->volume_label, 4);
	wire_text(w, "VolumeLabel", &m->volume_label);
}

/* [MS-FSCC] 2.5.8 FileFsSizeInformation */
void fscc_fs_size_code(struct wire *w, struct fscc_fs_size *m)
{
	wire_u64(w, "TotalAllocationUnits", &m->total_allocation_units);
	wire_u64(w, "AvailableAllocationUnits", &m->available_allocation_units);
	wire_u32(w, "SectorsPerAllocationUnit", &m->sectors_per_allocation_unit);
	wire_u32(w, "BytesPerSector", &m->bytes_per_sector);
}

/* [MS-FSCC] 2.5.10 FileFsDeviceInformation */
void fscc_fs_device_code(struct wire *w, struct fscc_fs_device *m)
{
	wire_u32(w, "DeviceType", &m->device_type);
	wire_u32(w, "Characteristics", &m->characteristics);
}

/* [MS-FSCC] 2.5.1 FileFsAttributeInformation */
void fscc_fs_attribute_code(struct wire *w, struct fscc_fs_attribute *m)
{
	wire_u32(w, "FileSystemAttributes", &m->file_system_attributes);
	wire_u32(w, "MaximumComponentNameLength", &m->maximum_component_name_length);
	wire_length(w, "FileSystemNameLength", &m->file_system_name, 4);
	wire_text(w, "FileSystemName", &m->file_system_name);
}

/* [MS-FSCC] 2.5.2 FileFsControlInformation */
void fscc_fs_control_code(struct wire *w, struct fscc_fs_control *m)
{
	wire_u64(w, "FreeSpaceStartFiltering", &m->free_space_start_filtering);
	wire_u64(w, "FreeSpaceThreshold", &m->free_space_threshold);
	wire_u64(w, "FreeSpaceStopFiltering", &m->free_space_stop_filtering);
	wire_u64(w, "DefaultQuotaThreshold", &m->default_quota_threshold);
	wire_u64(w, "DefaultQuotaLimit", &m->default_quota_limit);
	wire_u32(w, "FileSystemControlFlags", &m->file_system_control_flags);
	wire_reserved(w, 4);
}

/* [MS-FSCC] 2.5.4 FileFsFullSizeInformation */
void fscc_fs_full_size_code(struct wire *w, struct fscc_fs_full_size *m)
{
	wire_u64(w, "TotalAllocationUnits", &m->total_allocation_units);
	wire_u64(w, "CallerAvailableAllocationUnits", &m->caller_available_allocation_units);
	wire_u64(w, "ActualAvailableAllocationUnits", &m->actual_available_allocation_units);
	wire_u32(w, "SectorsPerAllocationUnit", &m->sectors_per_allocation_unit);
	wire_u32(w, "BytesPerSector", &m->bytes_per_sector);
}

/* [MS-FSCC] 2.5.6 FileFsObjectIdInformation */
void fscc_fs_object_id_code(struct wire *w, struct fscc_fs_object_id *m)
{
	wire_guid(w, "ObjectId", &m->object_id);
	wire_bytes(w, "ExtendedInfo", m->extended_info, sizeof(m->extended_info));
}

/* [MS-FSCC] 2.5.7 FileFsSectorSizeInformation */
void fscc_fs_sector_size_code(struct wire *w, struct fscc_fs_sector_size *m)
{
	wire_u32(w, "LogicalBytesPerSector", &m->logical_bytes_per_sector);
	wire_u32(w, "PhysicalBytesPerSectorForAtomicity", &m->physical_bytes_for_atomicity);
	wire_u32(w, "PhysicalBytesPerSectorForPerformance", &m->physical_bytes_for_performance);
	wire_u32(w, "FileSystemEffectivePhysicalBytesPerSectorForAtomicity", &m->effective_bytes_for_atomicity);
	wire_u32(w, "Flags", &m->flags);
	wire_u32(w, "ByteOffsetForSectorAlignment", &m->byte_offset_for_sector_alignment);
	wire_u32(w, "ByteOffsetForPartitionAlignment", &m->byte_offset_for_partition_alignment);
}

#define FS_CLASSES(X)                                                                                                  \
	X(FSCC_FS_VOLUME, "FileFsVolumeInformation", fs_volume, 18)                                                    \
	X(FSCC_FS_LABEL, "FileFsLabelInformation", fs_label, 4)                                                        \
	X(FSCC_FS_SIZE, "FileFsSizeInformation", fs_size, 24)                                                          \
	X(FSCC_FS_DEVICE, "FileFsDeviceInformation", fs_device, 8)                                                     \
	X(FSCC_FS_ATTRIBUTE, "FileFsAttributeInformation", fs_attribute, 12)                                           \
	X(FSCC_FS_CONTROL, "FileFsControlInformation", fs_control, 48)                                                 \
	X(FSCC_FS_FULL_SIZE, "FileFsFullSizeInformation", fs_full_size, 32)                                            \
	X(FSCC_FS_OBJECT_ID, "FileFsObjectIdInformation", fs_object_id, 64)                                            \
	X(FSCC_FS_SECTOR_SIZE, "FileFsSectorSizeInformation", fs_sector_size, 28)

#define ANY_CODER(class, text, type, fixed)                                                                            \
	static void class##_any(struct wire *w, void *m)                                                               \
	{                                                                                                              \
		fscc_##type##_code(w, (struct fscc_##type *)m);                                                        \
	}
FS_CLASSES(ANY_CODER)

#define CLASS_ROW(class, text, type, fixed) [class] = {class, text, fixed, sizeof(struct fscc_##type), class##_any},
static const struct fscc_class classes[] = {FS_CLASSES(CLASS_ROW)};

const struct fscc_class *fscc_fs_class_of(uint8_t number)
{
	return number < ARRAY_LEN(classes) && classes[number].code ? &classes[number] : NULL;
}
