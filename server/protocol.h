/* SPDX-License-Identifier: BSD-3-Clause */
/* The numbers of the NBD wire protocol (doc/proto.md of NetworkBlockDevice/nbd,
 * branches master and extension-ext-header).  All integers on the wire are
 * big-endian.  Nothing but numbers and sizes stands here.
 */
#ifndef NBDSRV_PROTOCOL_H
#define NBDSRV_PROTOCOL_H

/* Handshake */
#define NBD_MAGIC          0x4e42444d41474943u /* "NBDMAGIC" */
#define NBD_OPTS_MAGIC     0x49484156454f5054u /* "IHAVEOPT" */
#define NBD_OLDSTYLE_MAGIC 0x00420281861253u
#define NBD_REP_MAGIC      0x0003e889045565a9u

#define NBD_FLAG_FIXED_NEWSTYLE (1u << 0)
#define NBD_FLAG_NO_ZEROES      (1u << 1)

#define NBD_OPT_EXPORT_NAME       1u
#define NBD_OPT_ABORT             2u
#define NBD_OPT_LIST              3u
#define NBD_OPT_STARTTLS          5u
#define NBD_OPT_INFO              6u
#define NBD_OPT_GO                7u
#define NBD_OPT_STRUCTURED_REPLY  8u
#define NBD_OPT_LIST_META_CONTEXT 9u
#define NBD_OPT_SET_META_CONTEXT  10u
#define NBD_OPT_EXTENDED_HEADERS  11u

#define NBD_REP_ACK          1u
#define NBD_REP_SERVER       2u
#define NBD_REP_INFO         3u
#define NBD_REP_META_CONTEXT 4u

#define NBD_REP_ERR(n)              (0x80000000u | (n))
#define NBD_REP_ERR_UNSUP           NBD_REP_ERR(1)
#define NBD_REP_ERR_POLICY          NBD_REP_ERR(2)
#define NBD_REP_ERR_INVALID         NBD_REP_ERR(3)
#define NBD_REP_ERR_PLATFORM        NBD_REP_ERR(4)
#define NBD_REP_ERR_TLS_REQD        NBD_REP_ERR(5)
#define NBD_REP_ERR_UNKNOWN         NBD_REP_ERR(6)
#define NBD_REP_ERR_SHUTDOWN        NBD_REP_ERR(7)
#define NBD_REP_ERR_BLOCK_SIZE_REQD NBD_REP_ERR(8)
#define NBD_REP_ERR_TOO_BIG         NBD_REP_ERR(9)
#define NBD_REP_ERR_EXT_HEADER_REQD NBD_REP_ERR(10)

#define NBD_INFO_EXPORT      0u
#define NBD_INFO_NAME        1u
#define NBD_INFO_DESCRIPTION 2u
#define NBD_INFO_BLOCK_SIZE  3u

#define NBD_MAX_STRING 4096u

/* Transmission flags of an export */
#define NBD_FLAG_HAS_FLAGS            (1u << 0)
#define NBD_FLAG_READ_ONLY            (1u << 1)
#define NBD_FLAG_SEND_FLUSH           (1u << 2)
#define NBD_FLAG_SEND_FUA             (1u << 3)
#define NBD_FLAG_ROTATIONAL           (1u << 4)
#define NBD_FLAG_SEND_TRIM            (1u << 5)
#define NBD_FLAG_SEND_WRITE_ZEROES    (1u << 6)
#define NBD_FLAG_SEND_DF              (1u << 7)
#define NBD_FLAG_CAN_MULTI_CONN       (1u << 8)
#define NBD_FLAG_SEND_RESIZE          (1u << 9)
#define NBD_FLAG_SEND_CACHE           (1u << 10)
#define NBD_FLAG_SEND_FAST_ZERO       (1u << 11)
#define NBD_FLAG_BLOCK_STATUS_PAYLOAD (1u << 12)

/* Requests */
#define NBD_REQUEST_MAGIC          0x25609513u
#define NBD_EXTENDED_REQUEST_MAGIC 0x21e41c71u
#define NBD_REQUEST_SIZE           28u
#define NBD_EXTENDED_REQUEST_SIZE  32u

#define NBD_CMD_READ         0u
#define NBD_CMD_WRITE        1u
#define NBD_CMD_DISC         2u
#define NBD_CMD_FLUSH        3u
#define NBD_CMD_TRIM         4u
#define NBD_CMD_CACHE        5u
#define NBD_CMD_WRITE_ZEROES 6u
#define NBD_CMD_BLOCK_STATUS 7u
#define NBD_CMD_COUNT        8u

#define NBD_CMD_FLAG_FUA         (1u << 0)
#define NBD_CMD_FLAG_NO_HOLE     (1u << 1)
#define NBD_CMD_FLAG_DF          (1u << 2)
#define NBD_CMD_FLAG_REQ_ONE     (1u << 3)
#define NBD_CMD_FLAG_FAST_ZERO   (1u << 4)
#define NBD_CMD_FLAG_PAYLOAD_LEN (1u << 5)

#define NBD_LEAST_PREFERRED 512u /* block size */
#define NBD_MOST_PREFERRED  (32u * 1024 * 1024)
#define NBD_MOST_MINIMUM    65536u
#define NBD_USUAL_BLOCK     4096u
#define NBD_MAX_PAYLOAD     (64u * 1024 * 1024)
#define NBD_DEFAULT_PAYLOAD (32u * 1024 * 1024) /* where nothing else was said */

/* Replies */
#define NBD_SIMPLE_REPLY_MAGIC     0x67446698u
#define NBD_STRUCTURED_REPLY_MAGIC 0x668e33efu
#define NBD_EXTENDED_REPLY_MAGIC   0x6e8a278cu
#define NBD_SIMPLE_REPLY_SIZE      16u
#define NBD_STRUCTURED_REPLY_SIZE  20u
#define NBD_EXTENDED_REPLY_SIZE    32u

#define NBD_REPLY_FLAG_DONE (1u << 0)

#define NBD_REPLY_TYPE_NONE             0u
#define NBD_REPLY_TYPE_OFFSET_DATA      1u
#define NBD_REPLY_TYPE_OFFSET_HOLE      2u
#define NBD_REPLY_TYPE_BLOCK_STATUS     5u
#define NBD_REPLY_TYPE_BLOCK_STATUS_EXT 6u
#define NBD_REPLY_TYPE_ERROR            0x8001u
#define NBD_REPLY_TYPE_ERROR_OFFSET     0x8002u

#define NBD_MAX_EXTENTS (1u << 20) /* in one block status chunk */

/* Errors on the wire, and no others */
#define NBD_SUCCESS   0u
#define NBD_EPERM     1u
#define NBD_EIO       5u
#define NBD_ENOMEM    12u
#define NBD_EINVAL    22u
#define NBD_ENOSPC    28u
#define NBD_EOVERFLOW 75u
#define NBD_ENOTSUP   95u
#define NBD_ESHUTDOWN 108u

#endif
