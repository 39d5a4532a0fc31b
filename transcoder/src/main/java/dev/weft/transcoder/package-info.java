/**
 * JSON text to protobuf wire bytes and back, without a message in between.
 *
 * <p>What there is to know of a message type is worked out once, when a contract becomes known, and
 * kept as plain data: a {@link dev.weft.transcoder.MessagePlan} with a {@link
 * dev.weft.transcoder.FieldPlan} for each field. {@link dev.weft.transcoder.JsonToWire} and {@link
 * dev.weft.transcoder.WireToJson} read the plans while they go through a document or a message
 * once.
 *
 * <p>Open {@link dev.weft.transcoder.RequestPlan} first, then {@link
 * dev.weft.transcoder.ReplyPlan}: they are what one HTTP rule of a method needs. A {@link
 * dev.weft.transcoder.Schema} makes the plans. Input is taken strictly, and whatever is refused is
 * a {@link dev.weft.transcoder.BadInput} that says where.
 */
@NullMarked
package dev.weft.transcoder;

import org.jspecify.annotations.NullMarked;
