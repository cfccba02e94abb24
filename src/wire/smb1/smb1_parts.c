/* Parameter blocks of TRANSACTION2 and NT_TRANSACT ([MS-CIFS] 2.2.6, 2.2.7) and the information levels that only SMB1 has (2.2.8).
 * Each is a cursor's whole window, base at its first byte. */
#include "wire/smb1/trans.h"

#include "wire/fscc.h"
#include "wire/smb1/smb1_internal.h"

struct wire smb1_part_decoder(struct slice part, bool unicode, struct arena *arena)
{
	struct wire w = wire_decoder(part.data, 0, part.len, arena);

	w.unicode = unicode;
	return w;
}

struct wire smb1_part_encoder(void *out, size_t cap, bool unicode)
{
	struct wire w = wire_encoder(out, 0, cap);

	w.unicode = unicode;
	return w;
}

static uint8_t passed_through(uint16_t level)
{
	return level > SMB1_PASSTHROUGH && level <= SMB1_PASSTHROUGH + UINT8_MAX ? (uint8_t)(level - SMB1_PASSTHROUGH) : 0;
}

uint8_t smb1_query_class_of(uint16_t level)
{
	switch (level) {
	case SMB1_QUERY_FILE_STANDARD_INFO:
		return FSCC_FILE_STANDARD;
	case SMB1_QUERY_FILE_EA_INFO:
		return FSCC_FILE_EA;
	case SMB1_QUERY_FILE_NAME_INFO:
		return FSCC_FILE_NAME;
	case SMB1_QUERY_FILE_ALT_NAME_INFO:
		return FSCC_FILE_ALTERNATE_NAME;
	case SMB1_QUERY_FILE_STREAM_INFO:
		return FSCC_FILE_STREAM;
	case SMB1_QUERY_FILE_COMPRESSION_INFO:
		return FSCC_FILE_COMPRESSION;
	default:
		return passed_through(level);
	}
}

uint8_t smb1_set_class_of(uint16_t level)
{
	switch (level) {
	case SMB1_SET_FILE_BASIC_INFO:
		return FSCC_FILE_BASIC;
	case SMB1_SET_FILE_DISPOSITION_INFO:
		return FSCC_FILE_DISPOSITION;
	case SMB1_SET_FILE_ALLOCATION_INFO:
		return FSCC_FILE_ALLOCATION;
	case SMB1_SET_FILE_END_OF_FILE_INFO:
		return FSCC_FILE_END_OF_FILE;
	case SMB1_PASSTHROUGH + FSCC_FILE_RENAME:
	case SMB1_PASSTHROUGH + FSCC_FILE_LINK:
		return 0; /* smb1_rename_info */
	default:
		return passed_through(level);
	}
}

uint8_t smb1_fs_class_of(uint16_t level)
{
	switch (level) {
	case SMB1_FS_VOLUME_INFO:
		return FSCC_FS_VOLUME;
	case SMB1_FS_SIZE_INFO:
		return FSCC_FS_SIZE;
	case SMB1_FS_DEVICE_INFO:
		return FSCC_FS_DEVICE;
	case SMB1_FS_ATTRIBUTE_INFO:
		return FSCC_FS_ATTRIBUTE;
	default:
		return passed_through(level);
	}
}

uint8_t smb1_find_class_of(uint16_t level)
{
	static const uint8_t classes[] = {FSCC_FILE_DIRECTORY, FSCC_FILE_FULL_DIRECTORY, FSCC_FILE_NAMES, FSCC_FILE_BOTH_DIRECTORY,
		FSCC_FILE_ID_FULL_DIRECTORY, FSCC_FILE_ID_BOTH_DIRECTORY};

	if (level >= SMB1_FIND_DIRECTORY_INFO && level - SMB1_FIND_DIRECTORY_INFO < (int)ARRAY_LEN(classes))
		return classes[level - SMB1_FIND_DIRECTORY_INFO];
	return passed_through(level);
}

/* [MS-CIFS] 2.2.6.1.1 */
void smb1_open2_code(struct wire *w, struct smb1_open2 *m)
{
	wire_u16(w, "Flags", &m->flags);
	wire_u16(w, "AccessMode", &m->access_mode);
	wire_reserved(w, 2);
	wire_u16(w, "FileAttributes", &m->file_attributes);
	wire_u32(w, "CreationTime", &m->creation_time);
	wire_u16(w, "OpenMode", &m->open_mode);
	wire_u32(w, "AllocationSize", &m->allocation_size);
	wire_reserved(w, 10);
	smb1_last_string(w, "FileName", &m->file_name);
}

/* [MS-CIFS] 2.2.6.1.2 */
void smb1_open2_rsp_code(struct wire *w, struct smb1_open2_rsp *m)
{
	wire_u16(w, "FID", &m->fid);
	wire_u16(w, "FileAttributes", &m->file_attributes);
	wire_u32(w, "CreationTime", &m->creation_time);
	wire_u32(w, "FileDataSize", &m->file_data_size);
	wire_u16(w, "AccessMode", &m->access_mode);
	wire_u16(w, "ResourceType", &m->resource_type);
	wire_u16(w, "NMPipeStatus", &m->nm_pipe_status);
	wire_u16(w, "ActionTaken", &m->action_taken);
	wire_reserved(w, 4);
	wire_u16(w, "ExtendedAttributeErrorOffset", &m->ea_error_offset);
	wire_u32(w, "ExtendedAttributeLength", &m->ea_length);
}

/* [MS-CIFS] 2.2.6.2.1 */
void smb1_find_first2_code(struct wire *w, struct smb1_find_first2 *m)
{
	wire_u16(w, "SearchAttributes", &m->search_attributes);
	wire_u16(w, "SearchCount", &m->search_count);
	wire_u16(w, "Flags", &m->flags);
	wire_u16(w, "InformationLevel", &m->information_level);
	wire_u32(w, "SearchStorageType", &m->search_storage_type);
	smb1_last_string(w, "FileName", &m->file_name);
}

/* [MS-CIFS] 2.2.6.2.2 */
void smb1_find_first2_rsp_code(struct wire *w, struct smb1_find_first2_rsp *m)
{
	wire_u16(w, "SID", &m->sid);
	wire_u16(w, "SearchCount", &m->search_count);
	wire_u16(w, "EndOfSearch", &m->end_of_search);
	wire_u16(w, "EaErrorOffset", &m->ea_error_offset);
	wire_u16(w, "LastNameOffset", &m->last_name_offset);
}

/* [MS-CIFS] 2.2.6.3.1 */
void smb1_find_next2_code(struct wire *w, struct smb1_find_next2 *m)
{
	wire_u16(w, "SID", &m->sid);
	wire_u16(w, "SearchCount", &m->search_count);
	wire_u16(w, "InformationLevel", &m->information_level);
	wire_u32(w, "ResumeKey", &m->resume_key);
	wire_u16(w, "Flags", &m->flags);
	smb1_last_string(w, "FileName", &m->file_name);
}

/* [MS-CIFS] 2.2.6.3.2 */
void smb1_find_next2_rsp_code(struct wire *w, struct smb1_find_next2_rsp *m)
{
	wire_u16(w, "SearchCount", &m->search_count);
	wire_u16(w, "EndOfSearch", &m->end_of_search);
	wire_u16(w, "EaErrorOffset", &m->ea_error_offset);
	wire_u16(w, "LastNameOffset", &m->last_name_offset);
}

/* [MS-CIFS] 2.2.6.4.1 */
void smb1_fs_info_code(struct wire *w, struct smb1_fs_info *m)
{
	wire_u16(w, "InformationLevel", &m->information_level);
}

/* [MS-CIFS] 2.2.6.8.1, [MS-SMB] 2.2.6.6.1 */
void smb1_file_info_code(struct wire *w, struct smb1_file_info *m)
{
	wire_u16(w, "FID", &m->fid);
	wire_u16(w, "InformationLevel", &m->information_level);
}

/* [MS-CIFS] 2.2.6.9.1 */
void smb1_set_file_info_code(struct wire *w, struct smb1_set_file_info *m)
{
	wire_u16(w, "FID", &m->fid);
	wire_u16(w, "InformationLevel", &m->information_level);
	wire_reserved(w, 2);
}

/* [MS-CIFS] 2.2.6.6.1, 2.2.6.7.1 */
void smb1_path_info_code(struct wire *w, struct smb1_path_info *m)
{
	wire_u16(w, "InformationLevel", &m->information_level);
	wire_reserved(w, 4);
	smb1_last_string(w, "FileName", &m->file_name);
}

/* [MS-CIFS] 2.2.6.6.2, 2.2.6.7.2, 2.2.6.8.2, 2.2.6.9.2, 2.2.6.14.2 */
void smb1_ea_error_code(struct wire *w, struct smb1_ea_error *m)
{
	wire_u16(w, "EaErrorOffset", &m->ea_error_offset);
}

/* [MS-CIFS] 2.2.6.14.1 */
void smb1_trans2_create_directory_code(struct wire *w, struct smb1_trans2_create_directory *m)
{
	wire_reserved(w, 4);
	smb1_last_string(w, "DirectoryName", &m->directory_name);
}

/* [MS-CIFS] 2.2.7.1.1; a Unicode name begins at an even offset. */
void smb1_nt_create_code(struct wire *w, struct smb1_nt_create *m)
{
	wire_u32(w, "Flags", &m->flags);
	wire_u32(w, "RootDirectoryFID", &m->root_directory_fid);
	wire_u32(w, "DesiredAccess", &m->desired_access);
	wire_u64(w, "AllocationSize", &m->allocation_size);
	wire_u32(w, "ExtFileAttributes", &m->ext_file_attributes);
	wire_u32(w, "ShareAccess", &m->share_access);
	wire_u32(w, "CreateDisposition", &m->create_disposition);
	wire_u32(w, "CreateOptions", &m->create_options);
	wire_u32(w, "SecurityDescriptorLength", &m->security_descriptor_length);
	wire_u32(w, "EALength", &m->ea_length);
	wire_length(w, "NameLength", &m->name, 4);
	wire_u32(w, "ImpersonationLevel", &m->impersonation_level);
	wire_u8(w, "SecurityFlags", &m->security_flags);
	smb1_sized_name(w, "Name", &m->name);
}

/* [MS-CIFS] 2.2.7.1.2, [MS-SMB] 2.2.7.1.2 */
void smb1_nt_create_rsp_code(struct wire *w, struct smb1_nt_create_rsp *m)
{
	wire_u8(w, "OpLockLevel", &m->oplock_level);
	wire_bool(w, "ResponseType", &m->extended);
	wire_u16(w, "FID", &m->fid);
	wire_u32(w, "CreateAction", &m->create_action);
	wire_u32(w, "EAErrorOffset", &m->ea_error_offset);
	wire_time(w, "CreationTime", &m->creation_time);
	wire_time(w, "LastAccessTime", &m->last_access_time);
	wire_time(w, "LastWriteTime", &m->last_write_time);
	wire_time(w, "LastChangeTime", &m->last_change_time);
	wire_u32(w, "ExtFileAttributes", &m->ext_file_attributes);
	wire_u64(w, "AllocationSize", &m->allocation_size);
	wire_u64(w, "EndOfFile", &m->end_of_file);
	wire_u16(w, "ResourceType", &m->resource_type);
	wire_u16(w, "NMPipeStatus", &m->nm_pipe_status);
	wire_u8(w, "Directory", &m->directory);
	if (!m->extended)
		return;
	wire_guid(w, "VolumeGUID", &m->volume_guid);
	wire_u64(w, "FileId", &m->file_id);
	wire_u32(w, "MaximalAccessRights", &m->maximal_access_rights);
	wire_u32(w, "GuestMaximalAccessRights", &m->guest_maximal_access_rights);
}

/* [MS-CIFS] 2.2.7.2.1 */
void smb1_nt_ioctl_code(struct wire *w, struct smb1_nt_ioctl *m)
{
	wire_u32(w, "FunctionCode", &m->function_code);
	wire_u16(w, "FID", &m->fid);
	wire_u8(w, "IsFctl", &m->is_fsctl);
	wire_u8(w, "IsFlags", &m->is_flags);
}

/* [MS-CIFS] 2.2.7.4.1 */
void smb1_nt_notify_code(struct wire *w, struct smb1_nt_notify *m)
{
	wire_u32(w, "CompletionFilter", &m->completion_filter);
	wire_u16(w, "FID", &m->fid);
	wire_bool(w, "WatchTree", &m->watch_tree);
	wire_reserved(w, 1);
}

/* [MS-CIFS] 2.2.7.3.1, 2.2.7.6.1 */
void smb1_nt_security_code(struct wire *w, struct smb1_nt_security *m)
{
	wire_u16(w, "FID", &m->fid);
	wire_reserved(w, 2);
	wire_u32(w, "SecurityInformation", &m->security_information);
}

/* [MS-CIFS] 2.2.7.6.2 */
void smb1_nt_length_code(struct wire *w, struct smb1_nt_length *m)
{
	wire_u32(w, "LengthNeeded", &m->length_needed);
}

static void standard_times(struct wire *w, struct smb1_info_standard *m)
{
	smb1_dos_time_code(w, "CreationDate", "CreationTime", &m->creation);
	smb1_dos_time_code(w, "LastAccessDate", "LastAccessTime", &m->last_access);
	smb1_dos_time_code(w, "LastWriteDate", "LastWriteTime", &m->last_write);
}

/* [MS-CIFS] 2.2.8.3.1 */
void smb1_info_standard_code(struct wire *w, struct smb1_info_standard *m)
{
	standard_times(w, m);
	wire_u32(w, "FileDataSize", &m->file_data_size);
	wire_u32(w, "AllocationSize", &m->allocation_size);
	wire_u16(w, "Attributes", &m->attributes);
}

/* [MS-CIFS] 2.2.8.3.2 */
void smb1_info_ea_size_code(struct wire *w, struct smb1_info_standard *m)
{
	smb1_info_standard_code(w, m);
	wire_u32(w, "EaSize", &m->ea_size);
}

/* [MS-CIFS] 2.2.8.4.1 */
void smb1_set_info_standard_code(struct wire *w, struct smb1_info_standard *m)
{
	standard_times(w, m);
	wire_reserved(w, 10);
}

/* [MS-CIFS] 2.2.8.3.6. Servers are seen to send 36 bytes, without Reserved; 40 are read as well. */
void smb1_basic_info_code(struct wire *w, struct smb1_basic_info *m)
{
	wire_time(w, "CreationTime", &m->creation_time);
	wire_time(w, "LastAccessTime", &m->last_access_time);
	wire_time(w, "LastWriteTime", &m->last_write_time);
	wire_time(w, "LastChangeTime", &m->last_change_time);
	wire_u32(w, "ExtFileAttributes", &m->ext_file_attributes);
}

/* [MS-CIFS] 2.2.8.3.10 */
void smb1_all_info_code(struct wire *w, struct smb1_all_info *m)
{
	wire_time(w, "CreationTime", &m->creation_time);
	wire_time(w, "LastAccessTime", &m->last_access_time);
	wire_time(w, "LastWriteTime", &m->last_write_time);
	wire_time(w, "LastChangeTime", &m->last_change_time);
	wire_u32(w, "ExtFileAttributes", &m->ext_file_attributes);
	wire_reserved(w, 4);
	wire_u64(w, "AllocationSize", &m->allocation_size);
	wire_u64(w, "EndOfFile", &m->end_of_file);
	wire_u32(w, "NumberOfLinks", &m->number_of_links);
	wire_bool(w, "DeletePending", &m->delete_pending);
	wire_bool(w, "Directory", &m->directory);
	wire_reserved(w, 2);
	wire_u32(w, "EaSize", &m->ea_size);
	wire_length(w, "FileNameLength", &m->file_name, 4);
	wire_text(w, "FileName", &m->file_name);
}

/* [MS-FSCC] 2.4.42.1 */
void smb1_rename_info_code(struct wire *w, struct smb1_rename_info *m)
{
	wire_u8(w, "ReplaceIfExists", &m->replace_if_exists);
	wire_reserved(w, 3);
	wire_u32(w, "RootDirectory", &m->root_directory);
	wire_length(w, "FileNameLength", &m->file_name, 4);
	wire_text(w, "FileName", &m->file_name);
}

/* [MS-CIFS] 2.2.8.2.1 */
void smb1_fs_allocation_code(struct wire *w, struct smb1_fs_allocation *m)
{
	wire_u32(w, "idFileSystem", &m->id_file_system);
	wire_u32(w, "cSectorUnit", &m->sectors_per_unit);
	wire_u32(w, "cUnit", &m->units);
	wire_u32(w, "cUnitAvailable", &m->units_available);
	wire_u16(w, "cbSector", &m->bytes_per_sector);
}

/* [MS-CIFS] 2.2.8.2.2. Servers do not agree on whether cCharCount counts bytes or the terminator, so it is not looked at. */
void smb1_fs_volume_code(struct wire *w, struct smb1_fs_volume *m)
{
	uint8_t count = (uint8_t)(m->volume_label.len / (w->unicode ? 2 : 1));

	wire_u32(w, "ulVolSerialNbr", &m->serial_number);
	if (w->dir == WIRE_DECODE || w->dir == WIRE_ENCODE)
		wire_u8(w, "cCharCount", &count);
	smb1_packed_string(w, "VolumeLabel", &m->volume_label);
}
