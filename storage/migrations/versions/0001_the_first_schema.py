"""The first schema

Revision ID: 0001
Revises: 
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('agency',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('site', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('audit_event',
    sa.Column('idx', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('item_id', sa.Text(), nullable=False),
    sa.Column('part', sa.SmallInteger(), nullable=False),
    sa.Column('subject_ref', sa.Text(), nullable=False),
    sa.Column('subject_seq', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('idx')
    )
    op.create_index('ix_audit_event_subject', 'audit_event', ['subject_ref', 'subject_seq'], unique=False)
    op.create_index('uq_audit_event_item', 'audit_event', ['item_id', 'part'], unique=True)
    op.create_table('challenge',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('target_id', sa.Text(), nullable=False),
    sa.Column('subject_ref', sa.Text(), nullable=False),
    sa.Column('browser', sa.Text(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('code', sa.LargeBinary(), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tries', sa.BigInteger(), nullable=False),
    sa.Column('verified_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_challenge_subject_ref', 'challenge', ['subject_ref'], unique=False)
    op.create_index('ix_challenge_target_id', 'challenge', ['target_id'], unique=False)
    op.create_table('citizen_key',
    sa.Column('subject_ref', sa.Text(), nullable=False),
    sa.Column('key_id', sa.Text(), nullable=False),
    sa.Column('document_key', sa.LargeBinary(), nullable=True),
    sa.Column('trail_key', sa.LargeBinary(), nullable=True),
    sa.Column('root_key_id', sa.Text(), nullable=False),
    sa.Column('root_key_version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('subject_ref')
    )
    op.create_table('citizen_link',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('subject_ref', sa.Text(), nullable=False),
    sa.Column('consent_id', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('client',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('agency_id', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('scopes', sa.Text(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_client_agency_id', 'client', ['agency_id'], unique=False)
    op.create_table('consent',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('request_id', sa.Text(), nullable=False),
    sa.Column('subject_ref', sa.Text(), nullable=False),
    sa.Column('agency_id', sa.Text(), nullable=False),
    sa.Column('officer_id', sa.Text(), nullable=False),
    sa.Column('service', sa.Text(), nullable=False),
    sa.Column('application_no', sa.Text(), nullable=True),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('epoch', sa.BigInteger(), nullable=False),
    sa.Column('valid_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('valid_until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('record', sa.LargeBinary(), nullable=False),
    sa.Column('record_sha256', sa.Text(), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_consent_subject_ref', 'consent', ['subject_ref'], unique=False)
    op.create_index('uq_consent_request_id', 'consent', ['request_id'], unique=True)
    op.create_table('consent_item',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('consent_id', sa.Text(), nullable=False),
    sa.Column('document_type', sa.Text(), nullable=False),
    sa.Column('document_id', sa.Text(), nullable=True),
    sa.Column('decision', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_consent_item_consent_id', 'consent_item', ['consent_id'], unique=False)
    op.create_table('consent_request',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('code_hash', sa.Text(), nullable=False),
    sa.Column('subject_ref', sa.Text(), nullable=False),
    sa.Column('agency_id', sa.Text(), nullable=False),
    sa.Column('officer_id', sa.Text(), nullable=False),
    sa.Column('session_id', sa.Text(), nullable=False),
    sa.Column('counter', sa.Text(), nullable=False),
    sa.Column('service', sa.Text(), nullable=False),
    sa.Column('application_no', sa.Text(), nullable=True),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('pairing_code', sa.Text(), nullable=False),
    sa.Column('items', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('valid_until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('request', sa.LargeBinary(), nullable=False),
    sa.Column('request_sha256', sa.Text(), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('browser', sa.Text(), nullable=True),
    sa.Column('consent_id', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_consent_request_subject_ref', 'consent_request', ['subject_ref'], unique=False)
    op.create_index('uq_consent_request_code_hash', 'consent_request', ['code_hash'], unique=True)
    op.create_table('contact',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('subject_ref', sa.Text(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('value', sa.LargeBinary(), nullable=False),
    sa.Column('value_index', sa.Text(), nullable=False),
    sa.Column('set_by', sa.Text(), nullable=False),
    sa.Column('set_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_contact_subject_ref', 'contact', ['subject_ref'], unique=False)
    op.create_table('document_type',
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('name_id', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('code')
    )
    op.create_table('document_version',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('document_id', sa.Text(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('subject_ref', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('object_key', sa.Text(), nullable=False),
    sa.Column('wrapped_key', sa.LargeBinary(), nullable=False),
    sa.Column('sha256', sa.Text(), nullable=False),
    sa.Column('cipher_sha256', sa.Text(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('cipher_size', sa.BigInteger(), nullable=False),
    sa.Column('media_type', sa.Text(), nullable=False),
    sa.Column('provenance', sa.Text(), nullable=False),
    sa.Column('issued_on', sa.Date(), nullable=True),
    sa.Column('valid_until', sa.Date(), nullable=True),
    sa.Column('tax_year', sa.BigInteger(), nullable=True),
    sa.Column('level', sa.Text(), nullable=True),
    sa.Column('background', sa.Text(), nullable=True),
    sa.Column('number', sa.LargeBinary(), nullable=True),
    sa.Column('about', sa.LargeBinary(), nullable=True),
    sa.Column('stale_event', sa.Text(), nullable=True),
    sa.Column('taken_by', sa.Text(), nullable=False),
    sa.Column('taken_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_document_version_document_id', 'document_version', ['document_id'], unique=False)
    op.create_index('ix_document_version_subject_ref', 'document_version', ['subject_ref'], unique=False)
    op.create_index('uq_document_version_object_key', 'document_version', ['object_key'], unique=True)
    op.create_table('hourly_budget',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('used', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('intake',
    sa.Column('object_key', sa.Text(), nullable=False),
    sa.Column('document_id', sa.Text(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('wrapped_key', sa.LargeBinary(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('object_key')
    )
    op.create_index(op.f('ix_intake_started_at'), 'intake', ['started_at'], unique=False)
    op.create_index('uq_intake_version', 'intake', ['document_id', 'version'], unique=True)
    op.create_table('log_checkpoint',
    sa.Column('size', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('root', sa.LargeBinary(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('size')
    )
    op.create_index(op.f('ix_log_checkpoint_created_at'), 'log_checkpoint', ['created_at'], unique=False)
    op.create_table('log_entry',
    sa.Column('idx', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('entry', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('idx')
    )
    op.create_table('log_head',
    sa.Column('id', sa.SmallInteger(), nullable=False),
    sa.Column('origin', sa.Text(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('root', sa.LargeBinary(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('log_node',
    sa.Column('level', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.Column('idx', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('level', 'idx')
    )
    op.create_table('officer',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('username', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('agency_id', sa.Text(), nullable=False),
    sa.Column('counter', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_officer_agency_id', 'officer', ['agency_id'], unique=False)
    op.create_index('uq_officer_username', 'officer', ['username'], unique=True)
    op.create_table('outbox',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('subject_ref', sa.Text(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('payload', sa.LargeBinary(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempts', sa.BigInteger(), nullable=False),
    sa.Column('next_try_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('service',
    sa.Column('agency_id', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('agency_id', 'code')
    )
    op.create_table('session',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('officer_id', sa.Text(), nullable=False),
    sa.Column('agency_id', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_session_officer_id', 'session', ['officer_id'], unique=False)
    op.create_table('site',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('zone', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('site_key',
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('kid', sa.Text(), nullable=False),
    sa.Column('wrapped', sa.LargeBinary(), nullable=False),
    sa.Column('root_key_id', sa.Text(), nullable=False),
    sa.Column('root_key_version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('purpose', 'kid')
    )
    op.create_table('subject',
    sa.Column('ref', sa.Text(), nullable=False),
    sa.Column('nik_index', sa.LargeBinary(), nullable=False),
    sa.Column('identity', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('ref'),
    sa.UniqueConstraint('nik_index')
    )
    op.create_table('subject_trail',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('ticket_use',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('ticket_id', sa.Text(), nullable=False),
    sa.Column('document_id', sa.Text(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('subject_ref', sa.Text(), nullable=False),
    sa.Column('consent_id', sa.Text(), nullable=False),
    sa.Column('caller', sa.Text(), nullable=False),
    sa.Column('released_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempts', sa.BigInteger(), nullable=False),
    sa.Column('open', sa.Boolean(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('delivered', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_outbox_waiting', 'outbox', ['next_try_at'], unique=False, postgresql_where=sa.text("state = 'waiting'"))
    op.create_index('ix_ticket_use_open', 'ticket_use', ['due_at'], unique=False, postgresql_where=sa.text('open'))
    op.create_table('enrolment',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('enrolled_by', sa.Text(), nullable=False),
    sa.Column('enrolled_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('document',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('subject_ref', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['type'], ['document_type.code'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('uq_document_paper', 'document', ['subject_ref', 'type', 'kind'], unique=True)
    # ### end Alembic commands ###


def downgrade() -> None:
    # ### commands auto generated by Alembic - please adjust! ###
    op.drop_index('uq_document_paper', table_name='document')
    op.drop_table('document')
    op.drop_table('enrolment')
    op.drop_index('ix_ticket_use_open', table_name='ticket_use', postgresql_where=sa.text('open'))
    op.drop_table('ticket_use')
    op.drop_table('subject_trail')
    op.drop_table('subject')
    op.drop_table('site_key')
    op.drop_table('site')
    op.drop_index('ix_session_officer_id', table_name='session')
    op.drop_table('session')
    op.drop_table('service')
    op.drop_index('ix_outbox_waiting', table_name='outbox', postgresql_where=sa.text("state = 'waiting'"))
    op.drop_table('outbox')
    op.drop_index('uq_officer_username', table_name='officer')
    op.drop_index('ix_officer_agency_id', table_name='officer')
    op.drop_table('officer')
    op.drop_table('log_node')
    op.drop_table('log_head')
    op.drop_table('log_entry')
    op.drop_index(op.f('ix_log_checkpoint_created_at'), table_name='log_checkpoint')
    op.drop_table('log_checkpoint')
    op.drop_index('uq_intake_version', table_name='intake')
    op.drop_index(op.f('ix_intake_started_at'), table_name='intake')
    op.drop_table('intake')
    op.drop_table('hourly_budget')
    op.drop_index('uq_document_version_object_key', table_name='document_version')
    op.drop_index('ix_document_version_subject_ref', table_name='document_version')
    op.drop_index('ix_document_version_document_id', table_name='document_version')
    op.drop_table('document_version')
    op.drop_table('document_type')
    op.drop_index('ix_contact_subject_ref', table_name='contact')
    op.drop_table('contact')
    op.drop_index('uq_consent_request_code_hash', table_name='consent_request')
    op.drop_index('ix_consent_request_subject_ref', table_name='consent_request')
    op.drop_table('consent_request')
    op.drop_index('ix_consent_item_consent_id', table_name='consent_item')
    op.drop_table('consent_item')
    op.drop_index('uq_consent_request_id', table_name='consent')
    op.drop_index('ix_consent_subject_ref', table_name='consent')
    op.drop_table('consent')
    op.drop_index('ix_client_agency_id', table_name='client')
    op.drop_table('client')
    op.drop_table('citizen_link')
    op.drop_table('citizen_key')
    op.drop_index('ix_challenge_target_id', table_name='challenge')
    op.drop_index('ix_challenge_subject_ref', table_name='challenge')
    op.drop_table('challenge')
    op.drop_index('uq_audit_event_item', table_name='audit_event')
    op.drop_index('ix_audit_event_subject', table_name='audit_event')
    op.drop_table('audit_event')
    op.drop_table('agency')
    # ### end Alembic commands ###
